import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, Dataset

CFG = dict(seed=8, epochs=25, batch_size=64, max_lr=4e-3, holes=1, hole=4, width=96)


class Cutout:
    """Blank out square patches (DeVries & Taylor)."""

    def __init__(self, holes, size, rng):
        self.holes, self.size, self.rng = holes, size, rng

    def __call__(self, img):
        h, w = img.shape
        for _ in range(self.holes):
            r = self.rng.integers(0, h - self.size + 1)
            c = self.rng.integers(0, w - self.size + 1)
            img[r:r + self.size, c:c + self.size] = 0.0
        return img


class Digits(Dataset):
    def __init__(self, images, labels, augment=None):
        self.images = images.astype(np.float32)
        self.labels = labels
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        img = self.images[idx]
        if self.augment is not None:
            img = self.augment(img.copy())
        return torch.tensor(img).reshape(-1), torch.tensor(self.labels[idx])


def net(width):
    return nn.Sequential(
        nn.Linear(64, width), nn.BatchNorm1d(width), nn.ReLU(),
        nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(),
        nn.Linear(width, 10),
    )


def evaluate(model, loader):
    model.eval()
    hit, n, loss = 0, 0, 0.0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            loss += nn.functional.cross_entropy(out, y, reduction="sum").item()
            hit += (out.argmax(1) == y).sum().item()
            n += len(y)
    return loss / n, hit / n


def main(cfg):
    torch.manual_seed(cfg["seed"])
    rng = np.random.default_rng(cfg["seed"])
    d = load_digits()
    order = rng.permutation(len(d.target))
    images, labels = (d.images[order] / 8.0 - 0.6), d.target[order]
    train = Digits(images[:1300], labels[:1300], Cutout(cfg["holes"], cfg["hole"], rng))
    test = Digits(images[1300:], labels[1300:])
    tl = DataLoader(train, cfg["batch_size"], shuffle=True, drop_last=True)
    vl = DataLoader(test, 256)

    model = net(cfg["width"])
    opt = torch.optim.AdamW(model.parameters(), lr=cfg["max_lr"], weight_decay=1e-4)
    sched = OneCycleLR(opt, max_lr=cfg["max_lr"], total_steps=cfg["epochs"] * len(tl))
    for ep in range(cfg["epochs"]):
        model.train()
        acc = []
        for x, y in tl:
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            sched.step()
            acc.append(loss.item())
        vloss, vacc = evaluate(model, vl)
        if ep % 4 == 0 or ep == cfg["epochs"] - 1:
            print(f"{ep:02d} train {np.mean(acc):.4f} test loss {vloss:.4f} test acc {vacc:.4f}")


if __name__ == "__main__":
    main(CFG)
