"""Pretrain on the even digits, then fine-tune on the odd ones: slow backbone, fast head."""
import os
import tempfile
import torch
from torch import nn
from sklearn.datasets import load_digits


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        )

    def forward(self, x):
        return self.conv(x).flatten(1)


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(96, classes)

    def forward(self, x):
        return self.head(self.backbone(x))

    def train(self, mode=True):
        super().train(mode)
        if getattr(self, "freeze_stats", False):
            for m in self.backbone.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.eval()
        return self


def subset(digits):
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(d.target)
    keep = torch.isin(y, torch.tensor(digits))
    lut = torch.full((10,), -1)
    lut[torch.tensor(digits)] = torch.arange(len(digits))
    x, y = x[keep], lut[y[keep]]
    k = int(0.8 * len(x))
    return (x[:k], y[:k]), (x[k:], y[k:])


def fit(model, opt, tr, te, epochs, tag):
    for ep in range(epochs):
        model.train()
        run = 0.0
        for idx in torch.randperm(len(tr[0])).split(32):
            loss = nn.functional.cross_entropy(model(tr[0][idx]), tr[1][idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            acc = (model(te[0]).argmax(1) == te[1]).float().mean().item()
        print(f"{tag} epoch {ep} loss {run / len(tr[0]):.4f} test acc {acc:.4f}")


def main():
    torch.manual_seed(8)
    model = Classifier(5)
    fit(model, torch.optim.Adam(model.parameters(), lr=3e-3), *subset([0, 2, 4, 6, 8]), 6, "pretrain")
    path = os.path.join(tempfile.mkdtemp(), "pre.pt")
    torch.save(model.state_dict(), path)

    tuned = Classifier(5)
    state = {k: v for k, v in torch.load(path).items() if not k.startswith("head.")}
    missing = tuned.load_state_dict(state, strict=False)
    print("not loaded:", missing.missing_keys)
    tuned.freeze_stats = True
    opt = torch.optim.Adam([
        {"params": tuned.backbone.parameters(), "lr": 1e-5},
        {"params": tuned.head.parameters(), "lr": 1e-2},
    ])
    fit(tuned, opt, *subset([1, 3, 5, 7, 9]), 8, "finetune")


if __name__ == "__main__":
    main()
