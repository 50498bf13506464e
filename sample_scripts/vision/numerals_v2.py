"""8x8 digits with a small fully connected net."""
import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn, optim


class Classifier(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        return self.fc2(x)


def fit(model, x, y, args):
    optimizer = optim.SGD(model.parameters(), lr=args.lr)
    n = len(x)
    for epoch in range(args.epochs):
        order = torch.randperm(n)
        total = 0.0
        for start in range(0, n, args.batch):
            rows = order[start:start + args.batch]
            optimizer.zero_grad()
            scores = model(x[rows])
            loss = F.cross_entropy(scores, y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        print("epoch", epoch, "loss", round(total / n, 4))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=50)
    args = parser.parse_args()
    torch.manual_seed(3)
    x, y = load_digits(return_X_y=True)
    xa, xb, ya, yb = train_test_split(x / 16.0, y, test_size=0.25, random_state=1)
    model = Classifier(96)
    fit(model, torch.tensor(xa, dtype=torch.float32), torch.tensor(ya), args)
    with torch.no_grad():
        hits = model(torch.tensor(xb, dtype=torch.float32)).argmax(1) == torch.tensor(yb)
    print("test accuracy", round(hits.float().mean().item(), 4))


if __name__ == "__main__":
    main()
