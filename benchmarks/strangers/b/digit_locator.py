"""
Localise and classify one digit on a noisy 14x14 canvas.
Joint loss = classification + lambda * box centre regression (+ objectness).
"""
import textwrap

import numpy as np
import torch
import yaml
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

CONFIG = yaml.safe_load(textwrap.dedent("""
    seed: 10
    canvas: 14
    data:
      train: 1500
      test: 300
      noise: 0.1
      empty_prob: 0.1
    loss:
      cls: 1.0
      box: 5.0
      obj: 1.0
    optim:
      lr: 0.003
      batch_size: 32
      accumulate: 32
      epochs: 12
"""))


class CanvasDigits(Dataset):
    def __init__(self, cfg, images, labels, n, rng):
        size = cfg["canvas"]
        self.x = rng.normal(0, cfg["data"]["noise"], (n, 1, size, size)).astype(np.float32)
        self.cls = np.zeros(n, dtype=np.int64)
        self.box = np.zeros((n, 2), dtype=np.float32)
        self.obj = np.ones(n, dtype=np.float32)
        for i in range(n):
            if rng.random() < cfg["data"]["empty_prob"]:
                self.obj[i] = 0
                continue
            k = rng.integers(len(images))
            r, c = rng.integers(0, size - 8 + 1, 2)
            self.x[i, 0, r:r + 8, c:c + 8] += images[k]
            self.cls[i] = labels[k]
            self.box[i] = ((r + 4) / size, (c + 4) / size)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.cls[i], self.box[i], self.obj[i]


class Locator(nn.Module):
    def __init__(self, canvas):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.backbone = nn.Sequential(block(1, 16), block(16, 32))
        feat = 32 * (canvas // 4) ** 2
        self.shared = nn.Sequential(nn.Flatten(), nn.Linear(feat, 64), nn.ReLU())
        self.cls_head = nn.Linear(64, 10)
        self.box_head = nn.Linear(64, 2)
        self.obj_head = nn.Linear(64, 1)

    def forward(self, x):
        h = self.shared(self.backbone(x))
        return self.cls_head(h), self.box_head(h), self.obj_head(h).squeeze(1)


class MultiTaskLoss:
    def __init__(self, weights):
        self.w = weights
        self.ce = nn.CrossEntropyLoss(reduction="none")
        self.reg = nn.SmoothL1Loss(reduction="none", beta=0.1)
        self.bce = nn.BCEWithLogitsLoss()

    def __call__(self, out, cls, box, obj):
        logits, xy, o = out
        n_obj = obj.sum().clamp(min=1)
        l_cls = (self.ce(logits, cls) * obj).sum() / n_obj
        l_box = (self.reg(xy, box).sum(1) * obj).sum() / n_obj
        l_obj = self.bce(o, obj)
        return self.w["cls"] * l_cls + self.w["box"] * l_box + self.w["obj"] * l_obj


def train_epoch(model, loader, loss_fn, optimizer, accumulate):
    model.train()
    total = 0.0
    optimizer.zero_grad()
    for i, (x, *target) in enumerate(loader):
        loss = loss_fn(model(x), *target)
        (loss / accumulate).backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader, canvas):
    model.eval()
    right = n = 0
    for x, cls, box, obj in loader:
        logits, xy, o = model(x)
        close = ((xy - box).abs().max(dim=1).values * canvas) < 2.0
        present = obj > 0
        right += ((logits.argmax(1) == cls) & close & (o > 0))[present].sum().item()
        n += present.sum().item()
    return right / n


def main(cfg):
    torch.manual_seed(cfg["seed"])
    rng = np.random.default_rng(cfg["seed"])
    d = load_digits()
    images, labels = d.images.astype(np.float32) / 16, d.target
    train_set = CanvasDigits(cfg, images[:1400], labels[:1400], cfg["data"]["train"], rng)
    test_set = CanvasDigits(cfg, images[1400:], labels[1400:], cfg["data"]["test"], rng)
    o = cfg["optim"]
    train_loader = DataLoader(train_set, batch_size=o["batch_size"], shuffle=True)
    test_loader = DataLoader(test_set, batch_size=100)

    model = Locator(cfg["canvas"])
    loss_fn = MultiTaskLoss(cfg["loss"])
    optimizer = torch.optim.Adam(model.parameters(), lr=o["lr"])
    for epoch in range(o["epochs"]):
        loss = train_epoch(model, train_loader, loss_fn, optimizer, o["accumulate"])
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1:2d} loss {loss:.4f} detection rate {evaluate(model, test_loader, cfg['canvas']):.3f}")
    print(f"detection rate (class and position right): {evaluate(model, test_loader, cfg['canvas']):.4f}")


if __name__ == "__main__":
    main(CONFIG)
