import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
width = 64
block = nn.Sequential(nn.Linear(width, width), nn.ReLU())
model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), *[block] * 2, nn.Linear(width, 10))

d = load_digits()
x = torch.tensor(StandardScaler().fit_transform(d.data), dtype=torch.float32)
y = torch.tensor(d.target)
dl = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=50, shuffle=True)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    for xb, yb in dl:
        loss = nn.functional.cross_entropy(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), "acc", (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item())
