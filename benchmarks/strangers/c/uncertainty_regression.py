"""Heteroscedastic regression: the net returns mean and log-variance."""
import math
from typing import NamedTuple

import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from torch.utils.data import DataLoader, Dataset


class Prediction(NamedTuple):
    mean: torch.Tensor
    log_var: torch.Tensor


class Patients(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __getitem__(self, i):
        return {"features": self.x[i], "target": float(self.y[i])}

    def __len__(self):
        return len(self.x)


def collate(items):
    return {
        "features": torch.stack([i["features"] for i in items]),
        "target": torch.tensor([i["target"] for i in items]),
    }


class GaussianMLP(nn.Module):
    def __init__(self, n_in, hidden=32):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(n_in, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.mean = nn.Linear(hidden, 1)
        self.log_var = nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.shared(x)
        return Prediction(self.mean(h), self.log_var(h).clamp(-6, 4))


def gaussian_nll(pred, target):
    inv = torch.exp(-pred.log_var)
    return 0.5 * (pred.log_var + inv * (target - pred.mean) ** 2 + math.log(2 * math.pi)).mean()


def fit_fold(x, y, tr, te, epochs=50):
    mu, sd = y[tr].mean(), y[tr].std()
    train = DataLoader(Patients(x[tr], (y[tr] - mu) / sd), batch_size=32, shuffle=True, collate_fn=collate)
    net = GaussianMLP(x.shape[1])
    opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-4)
    for _ in range(epochs):
        net.train()
        tot = 0.0
        for b in train:
            loss = gaussian_nll(net(b["features"]), b["target"])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
    net.eval()
    with torch.no_grad():
        p = net(x[te]).mean.reshape(-1) * sd + mu
    r2 = 1 - ((p - y[te]) ** 2).sum() / ((y[te] - y[te].mean()) ** 2).sum()
    return tot / len(train), r2.item()


def main():
    torch.manual_seed(0)
    d = load_diabetes()
    x = torch.tensor(d.data, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0)
    y = torch.tensor(d.target, dtype=torch.float32)
    scores = []
    for k, (tr, te) in enumerate(KFold(3, shuffle=True, random_state=0).split(x)):
        loss, r2 = fit_fold(x, y, torch.as_tensor(tr), torch.as_tensor(te))
        scores.append(r2)
        print(f"fold {k} final nll {loss:.4f} r2 {r2:.4f}")
    print(f"mean r2 {sum(scores) / len(scores):.4f}")


if __name__ == "__main__":
    main()
