"""Day-ahead load forecast from the last 48 hours, LSTM, synthetic meter data."""
from dataclasses import dataclass
import math
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


@dataclass
class Cfg:
    window: int = 48
    horizon: int = 12
    hidden: int = 32
    batch: int = 64
    epochs: int = 10
    lr: float = 0.05
    momentum: float = 0.9
    clip: float = 1.0
    seed: int = 7


def make_series(n_hours, rng):
    t = np.arange(n_hours)
    daily = 1.2 * np.sin(2 * math.pi * t / 24 - 1.1)
    half = 0.5 * np.sin(2 * math.pi * t / 12 + 0.4)
    weekly = 0.6 * (((t // 24) % 7) < 5)
    noise = 0.15 * rng.standard_normal(n_hours)
    y = 10 + daily + half + weekly + noise
    return y.astype(np.float32)


class Windows(Dataset):
    def __init__(self, series, window, horizon, mu, sd):
        self.s = torch.from_numpy((series - mu) / sd)
        self.w, self.h = window, horizon

    def __len__(self):
        return len(self.s) - self.w - self.h

    def __getitem__(self, i):
        return {"past": self.s[i:i + self.w].unsqueeze(-1),
                "future": self.s[i + self.w:i + self.w + self.h]}


class Forecaster(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.lstm = nn.LSTM(1, cfg.hidden, batch_first=True)
        self.out = nn.Linear(cfg.hidden, cfg.horizon)

    def forward(self, batch):
        h, _ = self.lstm(batch["past"])
        return self.out(h[:, -1])


def run_val(net, dl):
    net.eval()
    se, n = 0.0, 0
    with torch.no_grad():
        for b in dl:
            p = net(b)
            se += ((p - b["future"]) ** 2).sum().item()
            n += p.numel()
    net.train()
    return se / n


def main():
    cfg = Cfg()
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    y = make_series(24 * 7 * 12, rng)
    cut = int(len(y) * 0.8)
    mu, sd = y[:cut].mean(), y[:cut].std()
    tr = DataLoader(Windows(y[:cut], cfg.window, cfg.horizon, mu, sd), cfg.batch, shuffle=True)
    va = DataLoader(Windows(y[cut:], cfg.window, cfg.horizon, mu, sd), 256)

    net = Forecaster(cfg)
    opt = torch.optim.SGD(net.parameters(), lr=cfg.lr, momentum=cfg.momentum)
    mse = nn.MSELoss()

    for ep in range(cfg.epochs):
        tot = 0.0
        for b in tr:
            opt.zero_grad
            loss = mse(net(b), b["future"])
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), cfg.clip)
            opt.step()
            tot += loss.item()
        print(f"epoch {ep + 1:2d}  train {tot / len(tr):.4f}  val {run_val(net, va):.4f}")


if __name__ == "__main__":
    main()
