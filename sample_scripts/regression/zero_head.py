import torch
from torch import nn
from sklearn.datasets import make_friedman2
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
X, y = make_friedman2(1000, noise=10.0, random_state=0)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32).unsqueeze(1)


class ResidualMLP(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.up = nn.Linear(4, width)
        self.mix = nn.Linear(width, width)
        self.head = nn.Linear(width, 1)
        # start from the mean prediction
        self.head.weight.detach().zero_()
        self.head.bias.detach().zero_()

    def forward(self, x):
        h = torch.tanh(self.up(x))
        h = h + torch.tanh(self.mix(h))
        return self.head(h)


model = ResidualMLP()
opt = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
for epoch in range(25):
    for i in torch.randperm(800).split(40):
        loss = nn.functional.mse_loss(model(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        with torch.no_grad():
            print(f"{epoch + 1}: train {loss.item():.4f} test mse {nn.functional.mse_loss(model(X[800:]), y[800:]).item():.4f}")
