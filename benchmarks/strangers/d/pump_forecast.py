import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(4)
HORIZON = 6
LAGS = [1, 2, 3, 24]


def load_flow(n=1500, seed=4):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    v = 20 + 5 * np.sin(2 * np.pi * t / 24) + 2 * np.sin(2 * np.pi * t / 168) + np.cumsum(rng.normal(0, 0.05, n))
    v += rng.normal(0, 0.3, n)
    return t, v


def shift(v, k):
    out = np.full(len(v), np.nan)
    if k > 0:
        out[k:] = v[:-k]
    else:
        out[:k] = v[-k:]
    return out


def complete_rows(table):
    keep = ~np.isnan(np.stack(list(table.values()))).any(axis=0)
    return {k: v[keep] for k, v in table.items()}


def engineer(t, flow):
    table = {"t": t.astype(float), "flow": flow}
    for k in LAGS:
        table[f"lag{k}"] = shift(flow, k)
    table["roll6"] = np.mean([shift(flow, k) if k else flow for k in range(6)], axis=0)
    table["h_sin"] = np.sin(2 * np.pi * t / 24)
    table["h_cos"] = np.cos(2 * np.pi * t / 24)
    table = complete_rows(table)
    table["target"] = shift(table["flow"], -HORIZON)
    return table


def split(table, cols):
    # hold out a week from the middle, the rest is for training
    a, b = 900, 1068
    n = len(table["flow"])
    hold = np.arange(a, b)
    rest = np.r_[0:a - HORIZON, b + HORIZON:n]
    x = np.stack([table[c] for c in cols], axis=1)
    y = table["target"]
    mu, sd = x[rest].mean(0), x[rest].std(0)
    ymu, ysd = np.nanmean(y[rest]), np.nanstd(y[rest])

    def pack(idx):
        return torch.tensor((x[idx] - mu) / sd).float(), torch.tensor((y[idx] - ymu) / ysd).float()

    return pack(rest), pack(hold), float(ysd)


table = engineer(*load_flow())
cols = [c for c in table if c not in ("target", "t")]
(xtr, ytr), (xva, yva), scale = split(table, cols)


class Forecaster(nn.Module):
    def __init__(self, d, h=48):
        super().__init__()
        self.inp = nn.Linear(d, h)
        self.mid = nn.Linear(h, h)
        self.out = nn.Linear(h, 1)
        self.skip = nn.Linear(d, 1)

    def forward(self, x):
        h = torch.tanh(self.inp(x))
        h = torch.tanh(self.mid(h))
        return (self.out(h) + self.skip(x)).squeeze(1)


model = Forecaster(len(cols))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
huber = nn.SmoothL1Loss()

for epoch in range(15):
    perm = torch.randperm(len(xtr))
    total = 0.0
    for idx in perm.split(64):
        opt.zero_grad()
        loss = huber(model(xtr[idx]), ytr[idx])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        total += loss.item() * len(idx)
    with torch.no_grad():
        pred = model(xva)
        rmse = ((pred - yva) ** 2).mean().sqrt().item() * scale
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1:2d} train {total / len(xtr):.5f} held-out rmse {rmse:.4f}")
