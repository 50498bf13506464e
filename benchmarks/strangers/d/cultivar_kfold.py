"""5-fold evaluation of a small MLP on the wine cultivar data."""
import argparse

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--folds", type=int, default=5)
    p.add_argument("--epochs", type=int, default=30)
    p.add_argument("--lr", type=float, default=0.02)
    p.add_argument("--batch-size", type=int, default=16)
    p.add_argument("--hidden", type=int, default=32)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def build_net(n_in, n_hidden, n_out):
    return nn.Sequential(
        nn.Linear(n_in, n_hidden),
        nn.ReLU(),
        nn.Linear(n_hidden, n_hidden),
        nn.ReLU(),
        nn.Linear(n_hidden, n_out),
    )


def as_dataset(x, y, scaler):
    scaler.transform(x)
    return TensorDataset(
        torch.as_tensor(x, dtype=torch.float32),
        torch.as_tensor(y, dtype=torch.long),
    )


@torch.no_grad()
def accuracy(net, loader):
    net.eval()
    hits = total = 0
    for xb, yb in loader:
        hits += (net(xb).argmax(1) == yb).sum().item()
        total += len(yb)
    return hits / total


def run_fold(args, x_tr, y_tr, x_te, y_te):
    scaler = StandardScaler().fit(x_tr)
    train = DataLoader(as_dataset(x_tr, y_tr, scaler), batch_size=args.batch_size, shuffle=True)
    test = DataLoader(as_dataset(x_te, y_te, scaler), batch_size=64)

    net = build_net(x_tr.shape[1], args.hidden, 3)
    opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
    crit = nn.CrossEntropyLoss()

    for epoch in range(args.epochs):
        net.train()
        running = 0.0
        for xb, yb in train:
            opt.zero_grad()
            loss = crit(net(xb), yb)
            loss.backward()
            opt.step()
            running += loss.item() * len(yb)
        if (epoch + 1) % 10 == 0:
            print(f"  epoch {epoch + 1:3d}  loss {running / len(x_tr):.4f}  test acc {accuracy(net, test):.3f}")
    return accuracy(net, test)


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    x, y = load_wine(return_X_y=True)
    skf = StratifiedKFold(args.folds, shuffle=True, random_state=args.seed)
    scores = []
    for k, (tr, te) in enumerate(skf.split(x, y)):
        print("fold", k)
        scores.append(run_fold(args, x[tr], y[tr], x[te], y[te]))
    print(f"mean accuracy {np.mean(scores):.3f} +- {np.std(scores):.3f}")


if __name__ == "__main__":
    main()
