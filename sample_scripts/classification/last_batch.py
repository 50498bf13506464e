import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y)
order = torch.randperm(len(y))
train_ds = TensorDataset(X[order[:145]], y[order[:145]])
test_x, test_y = X[order[145:]], y[order[145:]]
train_dl = DataLoader(train_ds, batch_size=16, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(13, 32)
        self.bn = nn.BatchNorm1d(32)
        self.b = nn.Linear(32, 3)

    def forward(self, x):
        return self.b(torch.relu(self.bn(self.a(x))))


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(10):
    net.train()
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, "accuracy", (net(test_x).argmax(1) == test_y).float().mean().item())
