import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits


class Normalize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, x):
        return (x - self.mean) / self.std


def make_model(width):
    return nn.Sequential(
        Normalize(77.0, 94.0),
        nn.Conv2d(1, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(width * 16, 10),
    )


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--width", type=int, default=16)
    ap.add_argument("--lr", type=float, default=0.05)
    ap.add_argument("--epochs", type=int, default=6)
    a = ap.parse_args()
    torch.manual_seed(0)
    d = load_digits()
    pixels = torch.tensor(d.images / 16 * 255).round().float().unsqueeze(1)
    y = torch.tensor(d.target)
    model = make_model(a.width)
    opt = torch.optim.SGD(model.parameters(), lr=a.lr, momentum=0.9, nesterov=True)
    for epoch in range(a.epochs):
        for i in torch.randperm(1500).split(50):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(pixels[i]), y[i])
            loss.backward()
            opt.step()
        with torch.no_grad():
            acc = (model(pixels[1500:]).argmax(1) == y[1500:]).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.4f}")


if __name__ == "__main__":
    main()
