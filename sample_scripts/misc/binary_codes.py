import torch
from torch import nn
from sklearn.datasets import load_digits


class BinaryAE(nn.Module):
    def __init__(self, bits=24):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, bits))
        self.dec = nn.Sequential(nn.Linear(bits, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        soft = torch.sigmoid(self.enc(x))
        hard = torch.round(soft)
        code = soft + (hard - soft).detach()
        return self.dec(code * 2 - 1), hard


torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32)
x = (x - x.mean(0)) / 6.0
net = BinaryAE()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    s = 0.0
    for rows in torch.randperm(1500).split(50):
        out, _ = net(x[rows])
        loss = ((out - x[rows]) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item()
    print(f"epoch {epoch} {s / 30:.4f}")
out, code = net(x[1500:])
print(f"bits in use {int((code.std(0) > 0).sum())} of 24, variance {x.var():.4f}")
print(f"test mse {((out - x[1500:]) ** 2).mean().item():.4f}")
