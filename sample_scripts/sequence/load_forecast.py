"""Hourly load, next hour from the last day; batches stay in time order."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset


class Hours(IterableDataset):
    def __init__(self, series, lag=24):
        self.series, self.lag = series, lag

    def __iter__(self):
        for t in range(self.lag, len(self.series)):
            yield self.series[t - self.lag:t], self.series[t:t + 1]


np.random.seed(11)
torch.manual_seed(11)
h = np.arange(2400)
load = 1.2 * np.sin(2 * np.pi * h / 24) + 0.5 * np.sin(2 * np.pi * h / 168) + 0.3 * np.cos(2 * np.pi * h / 12)
load = load + 0.1 * np.random.randn(len(h))
load = torch.tensor((load - load.mean()) / load.std(), dtype=torch.float32)

train, test = load[:2000], load[2000:]
model = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()

for epoch in range(5):
    total, n = 0.0, 0
    for past, nxt in DataLoader(Hours(train), batch_size=32, shuffle=False):
        optimizer.zero_grad()
        loss = criterion(model(past), nxt)
        loss.backward()
        optimizer.step()
        total += loss.item()
        n += 1
    print(f"epoch {epoch} train mse {total / n:.4f}")
with torch.no_grad():
    errs = [criterion(model(p), q).item() for p, q in DataLoader(Hours(test), batch_size=64)]
print(f"test mse {np.mean(errs):.4f}")
