import io

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(2)
readings = rng.normal(size=(800, 5))
power = readings @ [0.5, -1.0, 0.3, 0.0, 0.8] + 0.3 * readings[:, 0] * readings[:, 1]
lines = [",".join(f"{v:.4f}" for v in [*row, p]) for row, p in zip(readings, power)]
for broken in (233, 481):
    parts = lines[broken].split(",")
    parts[3] = ""
    lines[broken] = ",".join(parts)
table = np.genfromtxt(io.StringIO("\n".join(lines)), delimiter=",", dtype=np.float32)

data = torch.tensor(table)
torch.manual_seed(2)
loader = DataLoader(TensorDataset(data[:650, :5], data[:650, 5:]), batch_size=26, shuffle=True)
model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(12):
    for x, y in loader:
        loss = (model(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test = (model(data[650:, :5]) - data[650:, 5:]).square().mean()
    print(f"epoch {epoch} test mse {test:.4f}")
