import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.hidden = nn.ModuleList()
        for a, b in zip(sizes[:-2], sizes[1:-1]):
            self.hidden.append(nn.Linear(a, b))
        self.act = nn.Sigmoid()
        self.out = nn.Linear(sizes[-2], sizes[-1])

    def forward(self, x):
        for layer in self.hidden:
            x = self.act(layer(x))
        return self.out(x)


torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x = torch.tensor((x - x.mean(0)) / (x.std(0) + 1e-3)).float()
y = torch.tensor(y)
loader = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=50, shuffle=True)
model = MLP([64, 64, 16, 10])
opt = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(10):
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    acc = (model(x[1500:]).argmax(1) == y[1500:]).float().mean()
    print(f"epoch {epoch} loss {loss:.4f} accuracy {acc:.4f}")
