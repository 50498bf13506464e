"""Quantile forecast of weekly demand; three quantiles against one observed value."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, Subset


class Demand(Dataset):
    def __init__(self, weeks=1500, lags=12, seed=0):
        r = np.random.default_rng(seed)
        t = np.arange(weeks)
        level = 1 + 0.5 * np.sin(2 * np.pi * t / 52) + 0.3 * np.sin(2 * np.pi * t / 13)
        spread = 0.05 + 0.25 * (np.sin(2 * np.pi * t / 52) > 0.5)
        self.y = torch.tensor(level + spread * r.standard_normal(weeks), dtype=torch.float32)
        ang = 2 * np.pi * t / 52
        self.cal = torch.tensor(np.stack([np.sin(ang), np.cos(ang), np.sin(4 * ang), np.cos(4 * ang)], 1), dtype=torch.float32)
        self.lags = lags

    def __len__(self):
        return len(self.y) - self.lags

    def __getitem__(self, i):
        j = i + self.lags
        return torch.cat([self.y[i:j], self.cal[j]]), self.y[j:j + 1]


class QuantileNet(nn.Module):
    def __init__(self, n_in, n_q=3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.base = nn.Linear(48, 1)
        self.gaps = nn.Linear(48, n_q - 1)

    def forward(self, x):
        h = self.body(x)
        lo = self.base(h)
        return torch.cat([lo, lo + nn.functional.softplus(self.gaps(h)).cumsum(1)], 1)


class PinballLoss(nn.Module):
    def __init__(self, quantiles):
        super().__init__()
        self.register_buffer("q", torch.tensor(quantiles))

    def forward(self, pred, y):
        e = y - pred
        return torch.maximum(self.q * e, (self.q - 1) * e).sum(1).mean()


def main():
    torch.manual_seed(7)
    ds = Demand()
    n_tr = 1150
    train = DataLoader(Subset(ds, range(n_tr)), batch_size=32, shuffle=False)
    test = DataLoader(Subset(ds, range(n_tr, len(ds))), batch_size=512)
    net = QuantileNet(16)
    loss_fn = PinballLoss([0.1, 0.5, 0.9])
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.95)

    def check():
        net.eval()
        with torch.no_grad():
            x, y = next(iter(test))
            p = net(x)
            return loss_fn(p, y).item(), ((y >= p[:, :1]) & (y <= p[:, 2:])).float().mean().item()

    print("before  pinball %.4f cover %.3f" % check())
    for epoch in range(25):
        net.train()
        tot = 0.0
        for x, y in train:
            loss = loss_fn(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        sched.step()
        if epoch % 6 == 0:
            print("epoch %2d train %.4f pinball %.4f cover %.3f" % (epoch, tot / len(train), *check()))


if __name__ == "__main__":
    main()
