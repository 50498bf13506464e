import math

import torch
from torch import nn

torch.manual_seed(0)
Z = 8


def real_samples(n):
    angle = 2 * math.pi * torch.rand(n)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(Z, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2))
D = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(128, 1), torch.zeros(128, 1)

for it in range(600):
    real = real_samples(128)
    fake = G(torch.randn(128, Z))

    opt_d.zero_grad()
    d_loss = bce(D(real), 0.9 * ones) + bce(D(fake.detach()), zeros)
    d_loss.backward()
    opt_d.step()

    opt_g.zero_grad()
    g_loss = bce(D(fake), ones)
    g_loss.backward()
    opt_g.step()

    if it % 100 == 0:
        print(f"{it}: D {d_loss.item():.3f} G {g_loss.item():.3f}")

with torch.no_grad():
    radius = G(torch.randn(2000, Z)).norm(dim=1)
print(f"radius {radius.mean():.3f} +- {radius.std():.3f}")
print(f"radius error {(radius - 1).abs().mean():.3f}")
