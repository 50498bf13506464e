"""Predict monthly household spend (in cents) from tabular features."""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn, Tensor


@dataclass
class Config:
    n: int = 2000
    hidden: int = 64
    dropout: float = 0.05
    lr: float = 2e-3
    epochs: int = 25
    batch: int = 64
    standardize_target: bool = False
    seed: int = 3


def make_data(cfg: Config):
    g = np.random.default_rng(cfg.seed)
    area = g.gamma(9.0, 9.0, cfg.n)
    rooms = np.clip(np.round(area / 25 + g.normal(0, 0.5, cfg.n)), 1, 8)
    dist = g.exponential(4.0, cfg.n)
    floor = g.integers(0, 9, cfg.n)
    year = g.integers(1930, 2024, cfg.n)
    spend = 900 * area * np.exp(-0.05 * dist) + 4000 * rooms + 120 * (year - 1930) + 800 * np.sqrt(floor)
    spend = spend + g.normal(0, 4000, cfg.n)
    x = np.stack([area, rooms, dist, floor, year], 1)
    return x.astype(np.float32), spend.astype(np.float32)


class Affine:
    """Remembers mean and scale, goes both ways."""

    def __init__(self):
        self.mu, self.sd = 0.0, 1.0

    def fit(self, v: Tensor):
        self.mu, self.sd = v.mean(0), v.std(0) + 1e-8
        return self

    def __call__(self, v: Tensor) -> Tensor:
        return (v - self.mu) / self.sd

    def inverse(self, v: Tensor) -> Tensor:
        return v * self.sd + self.mu


class Regressor(nn.Module):
    def __init__(self, d: int, cfg: Config):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(d, cfg.hidden), nn.SiLU(), nn.Dropout(cfg.dropout),
            nn.Linear(cfg.hidden, cfg.hidden), nn.SiLU(),
        )
        self.out = nn.Linear(cfg.hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.body(x)).squeeze(-1)


def main(cfg: Config):
    torch.manual_seed(cfg.seed)
    x, y = map(torch.from_numpy, make_data(cfg))
    cut = int(0.8 * cfg.n)
    fx, fy = Affine().fit(x[:cut]), Affine()
    if cfg.standardize_target:
        fy.fit(y[:cut])
    xs, ys = fx(x), fy(y)

    net = Regressor(x.shape[1], cfg)
    opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    for ep in range(cfg.epochs):
        net.train()
        order = torch.randperm(cut)
        losses = []
        for idx in order.split(cfg.batch):
            opt.zero_grad()
            loss = nn.functional.mse_loss(net(xs[idx]), ys[idx])
            loss.backward()
            opt.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            pred = fy.inverse(net(xs[cut:]))
        res = y[cut:] - pred
        r2 = 1 - (res ** 2).sum() / ((y[cut:] - y[cut:].mean()) ** 2).sum()
        print(f"[{ep:02d}] loss={np.mean(losses):.4g} mae={res.abs().mean():.1f} r2={r2:.4f}")


if __name__ == "__main__":
    main(Config())
