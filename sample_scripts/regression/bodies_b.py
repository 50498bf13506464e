import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class Bodies(Dataset):
    def __init__(self, n=900, seed=2):
        rng = np.random.default_rng(seed)
        height = rng.normal(172, 9, n)
        income = rng.normal(41000, 9000, n)
        age = rng.uniform(18, 80, n)
        self.x = np.stack([height, income, age], axis=1).astype(np.float32)
        self.x = (self.x - self.x.mean(axis=0)) / self.x.std(axis=0)
        w = 0.9 * (height - 172) / 9 + 0.5 * (age - 49) / 18 - 0.3 * (income - 41000) / 9000
        self.y = (w + rng.normal(0, 0.1, n)).astype(np.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


torch.manual_seed(0)
ds = Bodies()
loader = DataLoader(ds, batch_size=30, shuffle=True)
model = nn.Sequential(nn.Linear(3, 24), nn.Tanh(), nn.Linear(24, 1))
criterion = nn.MSELoss()
opt = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(14):
    losses = []
    for x, y in loader:
        pred = model(x).squeeze(1)
        loss = criterion(pred, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print(epoch, "train", np.mean(losses))

with torch.no_grad():
    error = (model(torch.from_numpy(ds.x)).squeeze(1) - torch.from_numpy(ds.y)).pow(2).mean()
print("final mse", error.item())
