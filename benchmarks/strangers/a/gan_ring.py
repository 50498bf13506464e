# GAN on a ring of 8 gaussians
import math
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(6)
K, STD, NZ, BATCH, STEPS = 8, 0.2, 4, 200, 2500
angles = torch.arange(K) * 2 * math.pi / K
centres = 2.0 * torch.stack([angles.cos(), angles.sin()], 1)


def real(n):
    return centres[torch.randint(0, K, (n,))] + STD * torch.randn(n, 2)


def net(i, o):
    return nn.Sequential(nn.Linear(i, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, o))


G, D = net(NZ, 2), net(2, 1)
optG = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.99))
optD = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.0, 0.99))
G_avg = net(NZ, 2)
G_avg.load_state_dict(G.state_dict())

for step in range(1, STEPS + 1):
    # discriminator, relativistic pairing + gradient penalty on real points
    x = real(BATCH).requires_grad_(True)
    fake = G(torch.randn(BATCH, NZ)).detach().requires_grad_(True)
    dr, df = D(x), D(fake)
    gr, gf = torch.autograd.grad((dr.sum() + df.sum()), (x, fake), create_graph=True)
    penalty = gr.pow(2).sum(1).mean() + gf.pow(2).sum(1).mean()
    lossD = F.softplus(df - dr).mean() + 0.05 * penalty
    optD.zero_grad()
    lossD.backward()
    optD.step()

    # generator
    out = G(torch.randn(BATCH, NZ))
    lossG = F.softplus(D(real(BATCH)) - D(out)).mean()
    optG.zero_grad()
    lossG.backward()
    optG.step()

    with torch.no_grad():
        for pa, p in zip(G_avg.parameters(), G.parameters()):
            pa.lerp_(p, 0.01)
    if step % 500 == 0:
        print(f"{step:5d}  D {lossD.item():.3f}  G {lossG.item():.3f}")

with torch.no_grad():
    s = G_avg(torch.randn(4000, NZ))
    dist, which = torch.cdist(s, centres).min(1)
    good = dist < 3 * STD
    share = torch.bincount(which[good], minlength=K) / 4000
print("modes with >3% of samples:", int((share > 0.03).sum()), "of", K)
print("share of samples on a mode: %.3f" % good.float().mean().item())
