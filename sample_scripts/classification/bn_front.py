import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_wine()
x, y = torch.tensor(d.data, dtype=torch.float32), torch.tensor(d.target)
p = torch.randperm(len(x))
x, y = x[p], y[p]
dl = DataLoader(TensorDataset(x[:128], y[:128]), batch_size=16, shuffle=True)

model = nn.Sequential(nn.BatchNorm1d(13), nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
opt = torch.optim.Adam(model.parameters(), lr=0.01)
ce = nn.CrossEntropyLoss()
for epoch in range(25):
    model.train()
    for xb, yb in dl:
        opt.zero_grad()
        loss = ce(model(xb), yb)
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        val = ce(model(x[128:]), y[128:]).item()
        acc = (model(x[128:]).argmax(1) == y[128:]).float().mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch}: last batch {loss.item():.4f} val {val:.4f} acc {acc:.3f}")
