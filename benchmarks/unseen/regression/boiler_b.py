import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def plant(n=1500):
    rng = np.random.default_rng(21)
    pressure = rng.normal(101_300, 2_500, n)
    temperature = rng.normal(640, 45, n)
    flow = rng.lognormal(1.0, 0.4, n)
    oxygen = rng.uniform(0.01, 0.08, n)
    load = rng.uniform(50, 400, n)
    X = np.stack([pressure, temperature, flow, oxygen, load], 1)
    z = (X - X.mean(0)) / X.std(0)
    y = np.tanh(z[:, 1]) + 0.6 * z[:, 2] * z[:, 3] - 0.4 * z[:, 4] + 0.2 * z[:, 0] + rng.normal(0, 0.05, n)
    X = (X - X.mean(0)) / X.std(0)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]


torch.manual_seed(0)
X, y = plant()
train, valid = random_split(TensorDataset(X, y), [1200, 300])
net = nn.Sequential(nn.Linear(5, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU(), nn.Linear(32, 1))
optim = torch.optim.Adam(net.parameters(), lr=1e-3)
lossf = nn.MSELoss()

for epoch in range(50):
    for xb, yb in DataLoader(train, 64, shuffle=True):
        optim.zero_grad()
        out = lossf(net(xb), yb)
        out.backward()
        optim.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            xv, yv = next(iter(DataLoader(valid, 300)))
            print(epoch + 1, "valid mse", round(lossf(net(xv), yv).item(), 4))
