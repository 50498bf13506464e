"""Denoising VAE on digits. Corrupt -> encode -> sample -> decode."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class VAE(nn.Module):
    def __init__(self, d=64, h=96, z=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(d, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU())
        self.mu = nn.Linear(h, z)
        self.logvar = nn.Linear(h, z)
        self.dec = nn.Sequential(nn.Linear(z, h), nn.SiLU(), nn.Linear(h, d), nn.Sigmoid())

    def encode(self, x):
        h = self.enc(x)
        return self.mu(h), self.logvar(h).clamp(-8, 4)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.dec(z), mu, logvar


def corrupt(x, p, sigma):
    keep = (torch.rand_like(x) > p).float()
    return (x * keep + sigma * torch.randn_like(x)).clamp(0, 1)


def elbo_terms(target, recon, mu, logvar):
    rec = F.mse_loss(recon, target, reduction="none").sum(1).mean()
    kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).sum(1).mean()
    return rec, kl


def train_one(model, loader, opt, beta, args):
    model.train()
    sums = torch.zeros(2)
    for (x,) in loader:
        x_in = corrupt(x, args.drop, args.sigma)
        x_out, mu, logvar = model(x_in)
        rec, kl = elbo_terms(x, x_in, mu, logvar)
        loss = rec + beta * kl
        opt.zero_grad()
        loss.backward()
        opt.step()
        sums += torch.stack([rec.detach(), kl.detach()])
    return (sums / len(loader)).tolist()


@torch.no_grad()
def test_error(model, x, args):
    model.eval()
    g = torch.Generator().manual_seed(0)
    noisy = x * (torch.rand(x.shape, generator=g) > args.drop)
    out, _, _ = model(noisy)
    return F.mse_loss(out, x).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=20)
    ap.add_argument("--beta", type=float, default=0.03)
    ap.add_argument("--drop", type=float, default=0.15)
    ap.add_argument("--sigma", type=float, default=0.1)
    ap.add_argument("--lr", type=float, default=2e-3)
    args = ap.parse_args()
    torch.manual_seed(17)
    x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(4))]
    loader = DataLoader(TensorDataset(x[:1400]), 64, shuffle=True, drop_last=True)
    model = VAE()
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)
    for e in range(args.epochs):
        beta = args.beta * min(1.0, (e + 1) / 5)
        rec, kl = train_one(model, loader, opt, beta, args)
        if e % 4 == 3:
            print(f"ep {e + 1:2d} rec {rec:.3f} kl {kl:.3f} test_mse {test_error(model, x[1400:], args):.5f}")


if __name__ == "__main__":
    main()
