import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


def load(seed):
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16
    y = torch.tensor(digits.target)
    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=g)
    return x[order], y[order]


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


torch.manual_seed(0)
x, y = load(4)
model = MLP([64, 48, 10])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
split = 1500
for epoch in range(10):
    for i in range(0, split, 50):
        loss = F.cross_entropy(model(x[i:i + 50]), y[i:i + 50])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(x[split:]).argmax(-1) == y[split:]).float().mean().item()
    print(f"{epoch:3d} {loss.item():.4f} acc {acc:.4f}")
