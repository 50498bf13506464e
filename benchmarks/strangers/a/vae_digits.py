"""Gaussian VAE on the 8x8 digits, beta is warmed up."""
import math
import argparse
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument('--z', type=int, default=12)
parser.add_argument('--sigma', type=float, default=0.12)
parser.add_argument('--epochs', type=int, default=60)
parser.add_argument('--warmup', type=int, default=30)
parser.add_argument('--seed', type=int, default=0)
opt = parser.parse_args()
torch.manual_seed(opt.seed)


class VAE(nn.Module):
    def __init__(self, z):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU())
        self.mu = nn.Linear(128, z)
        self.logvar = nn.Linear(128, z)
        self.dec = nn.Sequential(nn.Linear(z, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 64), nn.Sigmoid())

    def forward(self, x):
        h = self.enc(x)
        q = Normal(self.mu(h), torch.exp(0.5 * self.logvar(h)))
        z = q.rsample()
        return self.dec(z), q


data = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
data = data[torch.randperm(len(data))]
train, test = data[:1500], data[1500:]
vae = VAE(opt.z)
optim = torch.optim.Adam(vae.parameters(), lr=2e-3)
const = 0.5 * math.log(2 * math.pi * opt.sigma ** 2)


def elbo_terms(x):
    rec, q = vae(x)
    nll = (0.5 * ((x - rec) / opt.sigma) ** 2 + const).sum(1).mean()
    kl = kl_divergence(q, Normal(torch.zeros_like(q.loc), torch.ones_like(q.loc))).sum(1).mean()
    return nll, kl


for epoch in range(opt.epochs):
    beta = min(1.0, epoch / opt.warmup)
    vae.train()
    for idx in torch.randperm(len(train)).split(50):
        nll, kl = elbo_terms(train[idx])
        loss = nll + beta * kl
        optim.zero_grad()
        loss.backward()
        optim.step()
    if epoch % 10 == 9:
        print(f'epoch {epoch + 1} loss {loss.item():.2f} nll {nll.item():.2f} kl {kl.item():.2f} beta {beta:.2f}')

vae.eval()
with torch.no_grad():
    _, q = vae(test)
    rec = vae.dec(q.loc)
    nll, kl = elbo_terms(test)
    r2 = 1 - ((rec - test) ** 2).sum() / ((test - train.mean(0)) ** 2).sum()
print(f'test -ELBO {(nll + kl).item():.2f}')
print(f'reconstruction R2 {r2.item():.4f}')
