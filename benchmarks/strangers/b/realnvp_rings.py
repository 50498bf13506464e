"""RealNVP with affine coupling layers on two concentric rings."""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_circles


class AffineCoupling(nn.Module):
    """Transforms one coordinate conditioned on the other.

    `forward` maps data to noise and returns the log-determinant,
    `inverse` maps noise to data.
    """

    def __init__(self, keep, hidden=32):
        super().__init__()
        self.keep, self.move = keep, 1 - keep
        self.net = nn.Sequential(
            nn.Linear(1, hidden), nn.Tanh(),
            nn.Linear(hidden, hidden), nn.Tanh(),
            nn.Linear(hidden, 2))
        self.log_scale = nn.Parameter(torch.zeros(1))

    def params(self, a):
        s, t = self.net(a).chunk(2, dim=1)
        return torch.tanh(s) * self.log_scale.exp(), t

    def merge(self, a, b):
        return torch.cat([a, b] if self.keep == 0 else [b, a], dim=1)

    def forward(self, x):
        a, b = x[:, [self.keep]], x[:, [self.move]]
        s, t = self.params(a)
        return self.merge(a, (b - t) * torch.exp(-s)), s.sum(dim=1)

    def inverse(self, z):
        a, b = z[:, [self.keep]], z[:, [self.move]]
        s, t = self.params(a)
        return self.merge(a, b * torch.exp(s) + t)


class RealNVP(nn.Module):
    def __init__(self, n_layers=6):
        super().__init__()
        self.layers = nn.ModuleList([AffineCoupling(i % 2) for i in range(n_layers)])
        self.base = torch.distributions.Normal(0.0, 1.0)

    def log_prob(self, x):
        total = x.new_zeros(len(x))
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return self.base.log_prob(x).sum(dim=1) + total

    @torch.no_grad()
    def sample(self, n):
        x = torch.randn(n, 2)
        for layer in reversed(self.layers):
            x = layer.inverse(x)
        return x


def energy_distance(a, b):
    ab = torch.cdist(a, b).mean()
    aa = torch.cdist(a, a).mean()
    bb = torch.cdist(b, b).mean()
    return (2 * ab - aa - bb).item()


def rings(n, seed):
    pts, _ = make_circles(n, noise=0.05, factor=0.45, random_state=seed)
    return torch.tensor(pts * 1.5, dtype=torch.float32)


def fit(flow, data, n_steps=700, batch_size=200, lr=3e-3):
    optimizer = torch.optim.Adam(flow.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    history = []
    for step in range(n_steps):
        batch = data[torch.randint(len(data), (batch_size,))]
        nll = -flow.log_prob(batch).mean()
        optimizer.zero_grad()
        nll.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
        scheduler.step()
        history.append(nll.item())
        if (step + 1) % 150 == 0:
            print(f"step {step + 1:5d} nll {np.mean(history[-100:]):.4f}")
    return history


if __name__ == "__main__":
    torch.manual_seed(2)
    np.random.seed(2)
    train, test = rings(4000, 0), rings(1000, 1)
    flow = RealNVP()
    fit(flow, train)
    flow.eval()
    dist = energy_distance(flow.sample(1000), test)
    print(f"energy distance between samples and test points: {dist:.5f}")
