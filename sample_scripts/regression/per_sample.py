import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True, scaled=True)
X = torch.tensor(X, dtype=torch.float32) * 20
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)
weight = 1 / (1 + y.abs())

net = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 1))
criterion = nn.MSELoss(reduction="none")
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(15):
    for start in range(0, 440, 44):
        xb, yb, wb = X[start:start + 44], y[start:start + 44], weight[start:start + 44]
        loss = criterion(net(xb).squeeze(-1), yb) * wb
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, "loss", loss.mean().item())
