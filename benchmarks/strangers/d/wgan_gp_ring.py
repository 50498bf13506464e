import math
import torch
from torch import nn

torch.manual_seed(12)
MODES = 6


def real_batch(n):
    k = torch.randint(0, MODES, (n,))
    a = 2 * math.pi * k / MODES
    return torch.stack([a.cos(), a.sin()], 1) * 1.5 + 0.05 * torch.randn(n, 2)


def net(i, o, h=64):
    return nn.Sequential(nn.Linear(i, h), nn.LeakyReLU(0.2), nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Linear(h, o))


G, D = net(4, 2), net(2, 1)
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.9))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.9))


def gradient_penalty(real, fake, weight=2.0):
    t = torch.rand(len(real), 1)
    mix = (t * real + (1 - t) * fake).requires_grad_(True)
    (g,) = torch.autograd.grad(D(mix).sum(), mix, create_graph=True)
    return weight * (g.norm(2, dim=1) - 1).pow(2).mean()


def critic_step(n):
    real = real_batch(n)
    with torch.no_grad():
        fake = G(torch.randn(n, 4))
    wdist = D(real).mean() - D(fake).mean()
    loss = -wdist + gradient_penalty(real, fake)
    opt_d.zero_grad()
    loss.backward()
    opt_d.step()
    return wdist.item()


def generator_step(n):
    for p in D.parameters():
        p.requires_grad_(False)
    loss = -D(G(torch.randn(n, 4))).mean()
    opt_g.zero_grad()
    loss.backward()
    opt_g.step()
    for p in D.parameters():
        p.requires_grad_(True)
    return loss.item()


def quality(n=600):
    with torch.no_grad():
        s = G(torch.randn(n, 4))
    a = 2 * math.pi * torch.arange(MODES) / MODES
    centre = torch.stack([a.cos(), a.sin()], 1) * 1.5
    d, k = torch.cdist(s, centre).min(1)
    good = d < 0.3
    return good.float().mean().item(), k[good].unique().numel()


for it in range(1, 701):
    for _ in range(4):
        w = critic_step(96)
    g = generator_step(96)
    if it % 100 == 0:
        share, modes = quality()
        print(f"iter {it} wasserstein {w:.4f} g_loss {g:.4f} share near a mode {share:.3f} modes {modes}")
