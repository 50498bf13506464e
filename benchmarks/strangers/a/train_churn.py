import argparse

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, TensorDataset


def make_customers(n, seed):
    rng = np.random.default_rng(seed)
    tenure = rng.exponential(24, n)
    monthly = rng.normal(65, 20, n)
    calls = rng.poisson(1.5, n)
    contract = rng.integers(0, 3, n)
    age = rng.uniform(18, 80, n)
    fiber = rng.integers(0, 2, n)
    logit = (
        -1.2
        - 0.08 * np.minimum(tenure, 60)
        + 0.035 * (monthly - 65) * (1 + fiber)
        + 0.9 * (calls >= 3)
        + np.array([2.2, -0.3, -1.7])[contract]
        + 1.3 * np.sin(age / 9.0)
        + 0.8
    )
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    onehot = np.eye(3)[contract]
    X = np.column_stack([tenure, monthly, calls, age, fiber, onehot]).astype(np.float32)
    return X, y


def build_model(d, hidden):
    return nn.Sequential(
        nn.Linear(d, hidden), nn.ReLU(),
        nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, 1),
    )


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=30)
    ap.add_argument("--lr", type=float, default=0.03)
    ap.add_argument("--batch-size", type=int, default=64)
    ap.add_argument("--hidden", type=int, default=64)
    ap.add_argument("--seed", type=int, default=7)
    args = ap.parse_args()

    torch.manual_seed(args.seed)
    X, y = make_customers(6000, args.seed)
    n_train = 4500
    mu, sd = X[:n_train].mean(0), X[:n_train].std(0)
    X = (X - mu) / sd
    Xt, yt = torch.from_numpy(X), torch.from_numpy(y)
    train = DataLoader(TensorDataset(Xt[:n_train], yt[:n_train]), batch_size=args.batch_size, shuffle=True)

    model = build_model(X.shape[1], args.hidden)
    crit = nn.BCEWithLogitsLoss()
    opt = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    for epoch in range(args.epochs):
        model.train()
        opt.zero_grad()
        running = 0.0
        for xb, yb in train:
            out = model(xb).squeeze(1)
            loss = crit(out, yb)
            loss.backward()
            opt.step()
            running += loss.item() * len(xb)
        if epoch % 5 == 0 or epoch == args.epochs - 1:
            print(f"epoch {epoch:3d}  loss {running / n_train:.4f}")

    model.eval()
    with torch.no_grad():
        scores = torch.sigmoid(model(Xt[n_train:]).squeeze(1)).numpy()
    print(f"test AUC: {roc_auc_score(y[n_train:], scores):.4f}")


if __name__ == "__main__":
    main()
