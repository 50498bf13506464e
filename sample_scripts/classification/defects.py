import argparse

import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from torch.utils.data import DataLoader, TensorDataset


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--hidden", type=int, default=32)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--epochs", type=int, default=12)
    return p.parse_args()


def main():
    args = parse()
    X, y = make_classification(2400, 12, n_informative=6, n_classes=2, weights=[0.9, 0.1], flip_y=0.02, random_state=8)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    train = TensorDataset(X[:1800], y[:1800])
    torch.manual_seed(8)
    model = nn.Sequential(nn.Linear(12, args.hidden), nn.ReLU(), nn.Linear(args.hidden, 2))
    counts = torch.bincount(y[:1800]).float()
    weights = counts / counts.sum()
    criterion = nn.CrossEntropyLoss(weight=weights)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        for xb, yb in DataLoader(train, batch_size=60, shuffle=True):
            loss = criterion(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            guess = model(X[1800:]).argmax(1)
        print(f"epoch {epoch}: balanced accuracy {balanced_accuracy_score(y[1800:], guess):.3f}")


if __name__ == "__main__":
    main()
