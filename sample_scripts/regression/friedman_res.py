import argparse

import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from torch.utils.data import DataLoader, TensorDataset


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--lr", default=0.03, type=float)
    p.add_argument("--beta", default=0.9, type=float)
    p.add_argument("--epochs", default=20, type=int)
    return p.parse_args()


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.lin = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return x + torch.relu(self.lin(self.norm(x)))


def main(args):
    torch.manual_seed(2024)
    x, y = make_friedman1(1600, n_features=8, noise=0.5, random_state=2)
    x = torch.tensor(x * 3.46 - 1.73, dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.float32)
    y = (y - y.mean()) / y.std()
    loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=60, shuffle=True)
    net = nn.Sequential(nn.Linear(8, 48), Block(48), Block(48), nn.Linear(48, 1), nn.Flatten(0))
    opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=args.beta)
    loss_fn = nn.MSELoss()
    for epoch in range(args.epochs):
        total = 0.0
        for xb, yb in loader:
            opt.zero_grad()
            loss = loss_fn(net(xb), yb)
            loss.backward()
            opt.step()
            total += loss.item()
        with torch.no_grad():
            val = loss_fn(net(x[1200:]), y[1200:]).item()
        print(f"{epoch:02d} train {total / len(loader):.4f} val mse {val:.4f}")


if __name__ == "__main__":
    main(get_args())
