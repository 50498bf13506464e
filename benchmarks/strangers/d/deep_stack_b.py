import argparse
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from sklearn.datasets import load_digits

ap = argparse.ArgumentParser()
ap.add_argument("--depth", type=int, default=9)
ap.add_argument("--width", type=int, default=64)
ap.add_argument("--act", choices=["sigmoid", "relu", "elu"], default="relu")
ap.add_argument("--lr", type=float, default=0.05)
ap.add_argument("--epochs", type=int, default=15)
opt_ns = ap.parse_args()

ACT = dict(sigmoid=nn.Sigmoid, relu=nn.ReLU, elu=nn.ELU)


class Stack(nn.Module):
    def __init__(self, d_in, width, depth, d_out, act):
        super().__init__()
        self.inp = nn.Linear(d_in, width)
        self.body = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.out = nn.Linear(width, d_out)
        self.act = ACT[act]()
        self.init_weights()

    def init_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        h = self.act(self.inp(x))
        for layer in self.body:
            h = self.act(layer(h))
        return self.out(h)


class Meter:
    def __init__(self):
        self.s = self.n = 0

    def add(self, v, k=1):
        self.s += v * k
        self.n += k

    @property
    def avg(self):
        return self.s / max(self.n, 1)


def data():
    d = load_digits()
    x = torch.tensor(d.data, dtype=torch.float32)
    x = (x - x.mean()) / x.std()
    full = TensorDataset(x, torch.tensor(d.target))
    return random_split(full, [1437, 360], generator=torch.Generator().manual_seed(0))


def loop(model, loader, optimizer=None):
    train = optimizer is not None
    model.train(train)
    loss_m, acc_m = Meter(), Meter()
    with torch.set_grad_enabled(train):
        for x, y in loader:
            out = model(x)
            loss = nn.functional.cross_entropy(out, y)
            if train:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_m.add(loss.item(), len(y))
            acc_m.add((out.argmax(1) == y).float().mean().item(), len(y))
    return loss_m.avg, acc_m.avg


if __name__ == "__main__":
    torch.manual_seed(123)
    tr, va = data()
    tr, va = DataLoader(tr, 32, shuffle=True), DataLoader(va, 180)
    model = Stack(64, opt_ns.width, opt_ns.depth, 10, opt_ns.act)
    sgd = torch.optim.SGD(model.parameters(), lr=opt_ns.lr)
    t0 = time.time()
    for e in range(opt_ns.epochs):
        l, a = loop(model, tr, sgd)
        vl, v = loop(model, va)
        if e % 3 == 2:
            print(f"{e + 1:3d} loss {l:.4f} acc {a:.3f} | val loss {vl:.4f} val acc {v:.4f} | {time.time() - t0:.0f}s")
