import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn, optim


def corrupt(labels, share, rng):
    labels = labels.copy()
    hit = rng.random(len(labels)) < share
    labels[hit] = rng.integers(0, 10, hit.sum())
    return labels


class Experiment:
    lr = 0.02
    epochs = 80
    batch = 16

    def __init__(self, seed=17):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        images, labels = load_digits(return_X_y=True)
        images = (images - 4.9) / 6.0
        order = rng.permutation(len(labels))
        images, labels = images[order], labels[order]
        # crowd-sourced labels: some annotators just guess
        self.x = torch.tensor(images[:200], dtype=torch.float32)
        self.y = torch.tensor(corrupt(labels[:200], 0.3, rng))
        self.xv = torch.tensor(images[800:], dtype=torch.float32)
        self.yv = torch.tensor(labels[800:])
        self.net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
        self.loss = nn.CrossEntropyLoss()
        self.opt = optim.SGD(self.net.parameters(), lr=self.lr, momentum=0.9, weight_decay=0.02)

    def epoch(self):
        tot = 0.0
        for rows in torch.randperm(len(self.x)).split(self.batch):
            self.opt.zero_grad()
            l = self.loss(self.net(self.x[rows]), self.y[rows])
            l.backward()
            self.opt.step()
            tot += l.item() * len(rows)
        return tot / len(self.x)

    @torch.no_grad()
    def held_out(self):
        out = self.net(self.xv)
        return self.loss(out, self.yv).item(), (out.argmax(1) == self.yv).float().mean().item()

    def go(self):
        for e in range(self.epochs):
            t = self.epoch()
            v, a = self.held_out()
            print("epoch=%d train=%.3f heldout_acc=%.3f heldout_loss=%.3f" % (e, t, a, v))
        return 0


if __name__ == "__main__":
    sys.exit(Experiment().go())
