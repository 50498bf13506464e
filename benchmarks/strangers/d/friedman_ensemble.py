#!/usr/bin/env python
"""Disease progression regression; ensembles of small nets, lab notebook export."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import make_friedman1

DEVICE = "cpu"


def mlp(sizes, act=nn.ReLU, norm=True, p=0.0):
    """mlp([10, 64, 64, 1]) -> Sequential"""
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers.append(nn.Linear(a, b))
        if norm and b > 1:
            layers.append(nn.LayerNorm(b))
        layers.append(act())
        if p:
            layers.append(nn.Dropout(p))
    if p:
        layers.pop()
    return nn.Sequential(*layers)


class Standard:
    def __init__(self, a):
        self.m, self.s = a.mean(0), a.std(0)

    def fwd(self, a):
        return (a - self.m) / self.s

    def inv(self, a):
        return a * self.s + self.m


def batches(n, size):
    perm = np.random.permutation(n)
    for i in range(0, n, size):
        yield perm[i:i + size]


def train_member(seed, x, y, epochs=20):
    torch.manual_seed(seed)
    np.random.seed(seed)
    net = mlp([x.shape[1], 48, 48, 1]).to(DEVICE)
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for ep in range(epochs):
        net.train()
        tot = 0.0
        for idx in batches(len(x), 50):
            xb, yb = x[idx], y[idx]
            opt.zero_grad()
            loss = nn.functional.mse_loss(net(xb), yb)
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        if ep % 10 == 9:
            print(f"  member {seed} epoch {ep + 1} mse {tot / len(x):.4f}")
    return net.eval()


def main():
    x, y = make_friedman1(n_samples=900, n_features=10, noise=0.5, random_state=0)
    y = y[:, None]
    sx, sy = Standard(x[:700]), Standard(y[:700])
    to_t = lambda a: torch.tensor(a, dtype=torch.float32, device=DEVICE)
    xt, yt = to_t(sx.fwd(x[:700])), to_t(sy.fwd(y[:700]))
    xv = to_t(sx.fwd(x[700:]))
    members = [train_member(s, xt, yt) for s in (1, 2, 3)]
    with torch.no_grad():
        pred = torch.stack([m(xv) for m in members]).mean(0).numpy()
    pred = sy.inv(pred)
    truth = y[700:]
    rmse = float(np.sqrt(((pred - truth) ** 2).mean()))
    r2 = 1 - ((pred - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    print(f"ensemble rmse {rmse:.3f} r2 {r2:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
