import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(4)
year = rng.uniform(1960, 2020, 600)
station = rng.normal(size=600)
ppm = 0.017 * (year - 1960) ** 2 + 0.6 * (year - 1960) + 3 * station + rng.normal(0, 1.5, 600)

x = torch.tensor(np.c_[year, station], dtype=torch.float32)
y = torch.tensor((ppm - ppm.mean()) / ppm.std(), dtype=torch.float32)[:, None]

mlp = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(mlp.parameters(), lr=0.05, momentum=0.9)
loss_fn = nn.MSELoss()

for step in range(300):
    rows = torch.randint(0, 500, (50,))
    out = mlp(x[rows])
    loss = loss_fn(out, y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        print(f"{step:4d} {loss.item():.4f}")
with torch.no_grad():
    print(f"mse on unseen stations {loss_fn(mlp(x[500:]), y[500:]).item():.4f}")
