from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Settings:
    seed: int = 3
    hidden: int = 48
    lr: float = 0.02
    rounds: int = 300


def simulate(n, generator):
    k = torch.rand(n, 1, generator=generator) * 2 + 0.5
    t = torch.rand(n, 1, generator=generator) * 4
    x = torch.cos(k.sqrt() * t) * torch.exp(-0.15 * t)
    return torch.cat([k - 1.5, t - 2.0], dim=1), x


class Surrogate:
    def __init__(self, cfg):
        self.net = nn.Sequential(nn.Linear(2, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, 1))
        self.opt = torch.optim.SGD(self.net.parameters(), lr=cfg.lr, momentum=0.8)

    def update(self, x, y):
        loss = (self.net(x) - y).square().mean()
        loss.backward()
        self.opt.step()
        return loss.item()

    @torch.no_grad()
    def error(self, x, y):
        return (self.net(x) - y).square().mean().item()


if __name__ == "__main__":
    cfg = Settings()
    g = torch.Generator().manual_seed(cfg.seed)
    torch.manual_seed(cfg.seed)
    x, y = simulate(1024, g)
    xv, yv = simulate(256, g)
    s = Surrogate(cfg)
    for r in range(cfg.rounds):
        pick = torch.randint(len(x), (128,), generator=g)
        s.update(x[pick], y[pick])
        if r % 100 == 99:
            print(f"round {r + 1}: mse {s.error(xv, yv):.5f}")
