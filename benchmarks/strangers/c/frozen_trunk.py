"""Head-only transfer: trunk frozen, its BatchNorm kept in eval mode all the time."""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits


class Trunk(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x):
        return self.layers(x).flatten(1)


class Model(nn.Module):
    def __init__(self, n_out, width=24):
        super().__init__()
        self.trunk = Trunk(width)
        self.head = nn.Linear(4 * width, n_out)
        self._frozen = False

    def freeze_trunk(self):
        self._frozen = True
        self.trunk.requires_grad_(False)
        return self

    def train(self, mode=True):
        super().train(mode)
        if self._frozen:
            self.trunk.eval()
        return self

    def forward(self, x):
        return self.head(self.trunk(x))


def fit(model, opt, x, y, xt, yt, epochs, tag):
    lossf = nn.CrossEntropyLoss()
    for e in range(epochs):
        model.train()
        s = 0.0
        for idx in torch.randperm(len(x)).split(50):
            loss = lossf(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            s += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            a = (model(xt).argmax(1) == yt).float().mean().item()
        print(f"{tag} {e:02d} loss {s / len(x):.4f} acc {a:.4f}")


def main():
    torch.manual_seed(1)
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
    x = (x - 0.305) / 0.376
    y = torch.tensor(d.target)
    even, odd = y % 2 == 0, y % 2 == 1

    model = Model(5)
    xe, ye = x[even], y[even] // 2
    fit(model, torch.optim.Adam(model.parameters(), 2e-3), xe[:700], ye[:700], xe[700:], ye[700:], 5, "even")

    model.freeze_trunk()
    model.head = nn.Linear(model.head.in_features, 5)
    xo, yo = x[odd], y[odd] // 2
    opt = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=5e-3)
    fit(model, opt, xo[:700], yo[:700], xo[700:], yo[700:], 8, "odd")


if __name__ == "__main__":
    main()
