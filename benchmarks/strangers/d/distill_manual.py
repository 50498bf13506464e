"""Distillation; the student is updated by hand (signum), the teacher is frozen."""
import torch
import torch.nn.functional as F
from torch import nn
from sklearn.datasets import load_digits


def make(width):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


def train_teacher(x, y, epochs=15):
    net = make(256)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(epochs):
        for idx in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
    return net.eval().requires_grad_(False)


def kd_loss(student, teacher, y, t=3.0, alpha=0.7):
    soft = F.kl_div(F.log_softmax(student / t, 1), F.softmax(teacher / t, 1), reduction="batchmean") * t * t
    return alpha * soft + (1 - alpha) * F.cross_entropy(student, y)


class Signum:
    """p -= lr * sign(momentum); no torch.optim here."""

    def __init__(self, params, lr, beta=0.9):
        self.params = list(params)
        self.buf = [torch.zeros_like(p) for p in self.params]
        self.lr, self.beta = lr, beta

    def apply(self):
        for p, b in zip(self.params, self.buf):
            b.mul_(self.beta).add_(p.grad, alpha=1 - self.beta)
            p.data -= self.lr * b.sign()
            p.grad = None


def main():
    torch.manual_seed(37)
    d = load_digits()
    x = torch.tensor(d.data).float() / 8 - 0.6
    y = torch.tensor(d.target)
    xt, yt, xv, yv = x[:1400], y[:1400], x[1400:], y[1400:]
    teacher = train_teacher(xt, yt)
    print(f"teacher accuracy {accuracy(teacher, xv, yv):.4f}")
    student = make(16)
    opt = Signum(student.parameters(), lr=2e-3)
    for epoch in range(25):
        student.train()
        opt.lr = 2e-3 * (1 - epoch / 25)
        total = 0.0
        for idx in torch.randperm(len(xt)).split(64):
            with torch.no_grad():
                target = teacher(xt[idx])
            loss = kd_loss(student(xt[idx]), target, yt[idx])
            loss.backward()
            opt.apply()
            total += loss.item() * len(idx)
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1} kd loss {total / len(xt):.4f} student accuracy {accuracy(student, xv, yv):.4f}")


if __name__ == "__main__":
    main()
