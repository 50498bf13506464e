"""Click model on categorical features (factorization machine style)."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

FIELDS = {"site": 40, "device": 6, "ad": 60, "hour": 24}


def simulate(n, seed):
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(1)
    vec = {f: truth.normal(size=(k, 3)) for f, k in FIELDS.items()}
    bias = {f: 0.3 * truth.normal(size=k) for f, k in FIELDS.items()}
    df = {f: rng.integers(0, k, n) for f, k in FIELDS.items()}
    score = sum(bias[f][df[f]] for f in FIELDS) - 0.2
    names = list(FIELDS)
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            score = score + 0.9 * (vec[names[a]][df[names[a]]] * vec[names[b]][df[names[b]]]).sum(1)
    df["click"] = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int)
    return df


def to_tensors(df):
    feats = {f: torch.from_numpy(df[f]) for f in FIELDS}
    return feats, torch.from_numpy(df["click"]).float()


class FM(nn.Module):
    def __init__(self, fields, dim=8):
        super().__init__()
        self.fields = list(fields)
        self.tables = nn.ModuleDict({f: nn.Embedding(n, dim) for f, n in fields.items()})
        self.linear = nn.ModuleDict({f: nn.Embedding(n, 1) for f, n in fields.items()})
        self.bias = nn.Parameter(torch.zeros(()))
        for f in fields:
            nn.init.normal_(self.tables[f].weight, std=0.1)
            nn.init.zeros_(self.linear[f].weight)

    def forward(self, feats):
        v = torch.stack([self.tables[f](feats[f]) for f in self.fields], 1)
        pair = 0.5 * (v.sum(1).pow(2) - v.pow(2).sum(1)).sum(-1)
        first = torch.cat([self.linear[f](feats[f]) for f in self.fields], 1).sum(1)
        return self.bias + first + pair


def iterate(feats, y, bs, shuffle=True):
    order = torch.randperm(len(y)) if shuffle else torch.arange(len(y))
    for idx in order.split(bs):
        yield {k: v[idx] for k, v in feats.items()}, y[idx]


def auc(scores, y):
    r = torch.empty_like(scores)
    r[scores.argsort()] = torch.arange(1, len(scores) + 1, dtype=scores.dtype)
    pos = y.sum()
    return ((r[y == 1].sum() - pos * (pos + 1) / 2) / (pos * (len(y) - pos))).item()


def fit(model, train, test, epochs=10, bs=256):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for feats, y in iterate(*train, bs):
            optimizer.zero_grad(set_to_none=True)
            loss = F.binary_cross_entropy_with_logits(model(feats), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            a = auc(model(test[0]).double(), test[1])
        print(f"epoch={epoch} logloss={total / len(train[1]):.4f} test_auc={a:.4f}")


if __name__ == "__main__":
    torch.manual_seed(5)
    fit(FM(FIELDS), to_tensors(simulate(20000, 0)), to_tensors(simulate(4000, 77)))
