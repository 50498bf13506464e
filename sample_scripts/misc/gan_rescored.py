"""A GAN on a mixture of two bumps."""
import torch
import torch.nn as nn

torch.manual_seed(0)


def real(n):
    centre = torch.randint(0, 2, (n, 1)) * 4.0 - 2.0
    return centre + 0.3 * torch.randn(n, 1)


G = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
D = nn.Sequential(nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
optG = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.99))
optD = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.99))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)

for it in range(600):
    x, z = real(64), torch.randn(64, 4)
    fake = G(z)
    lossD = bce(D(x), ones) + bce(D(fake.detach()), zeros)
    optD.zero_grad()
    lossD.backward()
    optD.step()
    lossG = bce(D(fake), ones)
    optG.zero_grad()
    lossG.backward()
    optG.step()
    if it % 100 == 0:
        print(it, lossD.item(), lossG.item())

with torch.no_grad():
    sample = G(torch.randn(1000, 4))
print("mean distance to a bump, error", (sample.abs() - 2).abs().mean().item())
