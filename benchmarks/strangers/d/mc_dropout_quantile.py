"""Quantile regression; dropout stays on at test time to sample (Gal & Ghahramani)."""
from dataclasses import dataclass
import torch
from torch import nn


@dataclass
class HP:
    n: int = 1200
    taus: tuple = (0.1, 0.5, 0.9)
    hidden: int = 64
    p: float = 0.1
    lr: float = 3e-3
    epochs: int = 60
    samples: int = 20
    seed: int = 23


def heteroscedastic(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, generator=g) * 6 - 3
    noise = (0.1 + 0.25 * x.abs()) * torch.randn(n, 1, generator=g)
    return x / 1.7, torch.sin(1.5 * x) + 0.3 * x + noise


def pinball(pred, y, taus):
    e = y - pred
    return torch.maximum(taus * e, (taus - 1) * e).mean()


class QuantileNet(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.f = nn.Sequential(
            nn.Linear(1, hp.hidden), nn.ReLU(), nn.Dropout(hp.p),
            nn.Linear(hp.hidden, hp.hidden), nn.ReLU(), nn.Dropout(hp.p),
            nn.Linear(hp.hidden, len(hp.taus)),
        )

    def forward(self, x):
        raw = self.f(x)
        steps = nn.functional.softplus(raw[:, 1:])
        return torch.cat([raw[:, :1], raw[:, :1] + steps.cumsum(1)], 1)


@torch.no_grad()
def mc_predict(net, x, k):
    net.eval()
    for m in net.modules():
        if isinstance(m, nn.Dropout):
            m.train()
    return torch.stack([net(x) for _ in range(k)]).mean(0)


def main(hp):
    torch.manual_seed(hp.seed)
    taus = torch.tensor(hp.taus)
    x, y = heteroscedastic(hp.n, 1)
    xv, yv = heteroscedastic(400, 2)
    net = QuantileNet(hp)
    opt = torch.optim.Adam(net.parameters(), lr=hp.lr)
    for ep in range(hp.epochs):
        net.train()
        tot = 0.0
        for idx in torch.randperm(hp.n).split(100):
            loss = pinball(net(x[idx]), y[idx], taus)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        if ep % 12 == 0 or ep == hp.epochs - 1:
            q = mc_predict(net, xv, hp.samples)
            cover = ((yv[:, 0] > q[:, 0]) & (yv[:, 0] < q[:, 2])).float().mean().item()
            print(f"epoch {ep} train pinball {tot / hp.n:.4f} coverage {cover:.3f} test pinball {pinball(q, yv, taus).item():.4f}")


if __name__ == "__main__":
    main(HP())
