import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Blobs(Dataset):
    """Pictures of zero to four round spots; the label is how many."""

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        grid = np.mgrid[0:20, 0:20].astype(np.float32)
        self.pictures = np.zeros((n, 1, 20, 20), np.float32)
        self.counts = rng.integers(0, 5, n)
        for i, c in enumerate(self.counts):
            cells = rng.choice(16, c, replace=False)
            for cell in cells:
                cy, cx = divmod(cell, 4)
                d = (grid[0] - (cy * 5 + 2)) ** 2 + (grid[1] - (cx * 5 + 2)) ** 2
                self.pictures[i, 0] += np.exp(-d / 2.0)
        self.pictures += rng.normal(0, 0.1, self.pictures.shape).astype(np.float32)

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, i):
        return self.pictures[i], int(self.counts[i])


class CountNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c1 = nn.Conv2d(1, width, 5, padding=2)
        self.c2 = nn.Conv2d(width, width, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.head = nn.Linear(width * 16, 5)

    def forward(self, x):
        h = torch.relu(self.c1(x))
        h = self.pool(torch.relu(self.c2(h)))
        return self.head(h.flatten(1))


def run(args):
    torch.manual_seed(args.seed)
    train = DataLoader(Blobs(1500, 1), batch_size=50, shuffle=True)
    test = DataLoader(Blobs(400, 2), batch_size=200)
    net = CountNet(args.width)
    objective = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(args.epochs):
        net.train()
        for a, b in train:
            opt.zero_grad(set_to_none=True)
            value = objective(net(a), b)
            value.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            right = sum((net(a).argmax(1) == b).sum().item() for a, b in test)
        print(f"epoch {epoch} acc {right / 400:.3f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--width", type=int, default=12)
    p.add_argument("--seed", type=int, default=0)
    run(p.parse_args())
