"""Binarised MLP (weights and activations in {-1, +1}) with a straight-through estimator."""
import torch
from torch import nn
from sklearn.datasets import load_digits


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.abs() <= 1).float()


class BinLinear(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(o, i).uniform_(-0.3, 0.3))
        self.bn = nn.BatchNorm1d(o)

    def forward(self, x):
        w = Sign.apply(self.weight)
        return self.bn(x @ w.t())


class BinNet(nn.Module):
    def __init__(self, hidden=256):
        super().__init__()
        self.l1 = BinLinear(64, hidden)
        self.l2 = BinLinear(hidden, hidden)
        self.l3 = BinLinear(hidden, 10)

    def forward(self, x):
        x = Sign.apply(self.l1(x))
        x = Sign.apply(self.l2(x))
        return self.l3(x)

    @torch.no_grad()
    def clamp(self):
        for l in (self.l1, self.l2, self.l3):
            l.weight.clamp_(-1, 1)


def squared_hinge(out, y):
    t = 2.0 * nn.functional.one_hot(y, 10) - 1
    return torch.clamp(1 - t * out, min=0).pow(2).mean()


def main():
    torch.manual_seed(15)
    digits = load_digits()
    X = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
    y = torch.tensor(digits.target)
    perm = torch.randperm(len(X))
    tr, te = perm[:1400], perm[1400:]
    net = BinNet()
    opt = torch.optim.SGD(net.parameters(), lr=1.5, momentum=0.9)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda e: min(1.0, (e + 1) / 5) * 0.95 ** e)
    for epoch in range(50):
        net.train()
        tot = 0.0
        for b in tr[torch.randperm(len(tr))].split(100):
            loss = squared_hinge(net(X[b]), y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            net.clamp()
            tot += loss.item() * len(b)
        sched.step()
        if epoch % 10 == 0:
            print(f"epoch {epoch} loss {tot / len(tr):.4f}")
    net.eval()
    with torch.no_grad():
        acc = (net(X[te]).argmax(1) == y[te]).float().mean()
    print(f"test accuracy {acc:.4f}")


if __name__ == "__main__":
    main()
