"""Oriented texture classification, prediction served one image at a time."""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F


def textures(n, gen, size=16):
    y = torch.randint(0, 6, (n,), generator=gen)
    ang = y.float() * math.pi / 6 + 0.12 * torch.randn(n, generator=gen)
    freq = 1.6 + 0.4 * torch.rand(n, generator=gen)
    ph = 2 * math.pi * torch.rand(n, generator=gen)
    g = torch.linspace(-math.pi, math.pi, size)
    yy, xx = torch.meshgrid(g, g, indexing="ij")
    wave = torch.sin(freq[:, None, None] * (ang.cos()[:, None, None] * xx + ang.sin()[:, None, None] * yy) + ph[:, None, None])
    contrast = 0.3 + 1.7 * torch.rand(n, 1, 1, generator=gen)
    x = contrast * wave + 0.5 * torch.randn(n, size, size, generator=gen)
    return x.unsqueeze(1), y


class TextureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 5, padding=2)
        self.b1 = nn.BatchNorm2d(12)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.b2 = nn.BatchNorm2d(24)
        self.drop = nn.Dropout(0.4)
        self.fc = nn.Linear(24, 6)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.max_pool2d(F.relu(self.b2(self.c2(x))), 2)
        return self.fc(self.drop(x.mean((2, 3))))


class Classifier:
    def __init__(self, lr=5e-3):
        self.net = TextureNet()
        self.opt = torch.optim.Adam(self.net.parameters(), lr=lr)

    def fit(self, x, y, epochs, bs, on_epoch=None):
        for e in range(epochs):
            self.net.train()
            meter = []
            for idx in torch.randperm(len(x)).split(bs):
                loss = F.cross_entropy(self.net(x[idx]), y[idx])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                meter.append(loss.item())
            if on_epoch:
                on_epoch(e, sum(meter) / len(meter), self)

    def predict(self, x):
        self.net.eval()
        with torch.no_grad():
            return torch.cat([self.net(img[None]).argmax(1) for img in x])

    def score(self, x, y):
        return (self.predict(x) == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(19)
    gen = torch.Generator().manual_seed(2024)
    xtr, ytr = textures(1200, gen)
    xte, yte = textures(240, gen)

    def report(e, loss, clf):
        if e % 2 == 1:
            print(f"epoch {e + 1} loss {loss:.4f} held-out acc {clf.score(xte, yte):.4f}")

    Classifier().fit(xtr, ytr, epochs=8, bs=60, on_epoch=report)
