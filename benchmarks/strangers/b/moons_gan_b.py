# A tiny GAN for the two-moons data set.
# Written while following along a blog post, to see the generator move the points around.
import math

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_moons

torch.manual_seed(0)
np.random.seed(0)

Z_DIM = 4
HIDDEN = 96
BATCH = 128
STEPS = 900
LR = 1e-3


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(Z_DIM, HIDDEN), nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, 2),
        )

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, HIDDEN), nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, 1),
        )

    def forward(self, x):
        return self.net(x)


def load_points(n):
    pts, _ = make_moons(n_samples=n, noise=0.06, random_state=3)
    pts = (pts - pts.mean(0)) / pts.std(0)
    return torch.tensor(pts, dtype=torch.float32)


def sliced_wasserstein(a, b, n_proj=128):
    g = torch.Generator().manual_seed(123)
    theta = torch.randn(2, n_proj, generator=g)
    theta = theta / theta.norm(dim=0, keepdim=True)
    pa, _ = (a @ theta).sort(dim=0)
    pb, _ = (b @ theta).sort(dim=0)
    return (pa - pb).abs().mean().item()


data = load_points(4000)
train_pts, test_pts = data[:3000], data[3000:]

G = Generator()
D = Discriminator()
opt_g = torch.optim.Adam(G.parameters(), lr=LR, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=LR, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()

real_label = torch.ones(BATCH, 1)
fake_label = torch.zeros(BATCH, 1)


def train_discriminator(real):
    z = torch.randn(BATCH, Z_DIM)
    fake = G(z).detach()
    loss = bce(D(real), real_label) + bce(D(fake), fake_label)
    opt_d.zero_grad()
    loss.backward()
    opt_d.step()
    return loss.item()


def train_generator():
    opt_g.zero_grad()
    z = torch.randn(BATCH, Z_DIM)
    loss = bce(D(G(z)), real_label)
    loss.backward()
    opt_g.step()
    return loss.item()


d_hist, g_hist = [], []
for step in range(STEPS):
    idx = torch.randint(0, len(train_pts), (BATCH,))
    d_hist.append(train_discriminator(train_pts[idx]))
    g_hist.append(train_generator())
    if (step + 1) % 300 == 0:
        with torch.no_grad():
            swd = sliced_wasserstein(G(torch.randn(1000, Z_DIM)), test_pts)
        print("step %4d  D %.3f  G %.3f  swd %.3f" % (
            step + 1, np.mean(d_hist[-100:]), np.mean(g_hist[-100:]), swd))

with torch.no_grad():
    samples = G(torch.randn(1000, Z_DIM))
score = sliced_wasserstein(samples, test_pts)
print("sliced Wasserstein distance (lower is better): %.4f" % (score if math.isfinite(score) else 99.0))
