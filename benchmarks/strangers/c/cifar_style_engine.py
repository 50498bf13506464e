import random
from types import SimpleNamespace

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

config = SimpleNamespace(
    seed=1,
    epochs=8,
    batch_size=64,
    lr=0.01,
    channels=(8, 16),
    dropout=0.2,
    num_classes=10,
)


def seed_everything(s):
    random.seed(s)
    np.random.seed(s)
    torch.manual_seed(s)


def get_loaders(cfg):
    data = load_digits()
    imgs = (data.images / 16.0).astype(np.float32)[:, None]
    a, b, c, d = train_test_split(imgs, data.target, test_size=0.25, random_state=0, stratify=data.target)
    train = TensorDataset(torch.from_numpy(a), torch.from_numpy(c))
    test = TensorDataset(torch.from_numpy(b), torch.from_numpy(d))
    return {
        "train": DataLoader(train, cfg.batch_size, shuffle=True),
        "test": DataLoader(test, 256),
    }


class ConvNet(nn.Module):
    def __init__(self, channels, num_classes, dropout):
        super().__init__()
        c1, c2 = channels
        self.features = nn.Sequential(
            nn.Conv2d(1, c1, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c1, c2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(c2 * 16, num_classes)

    def forward(self, x):
        return self.fc(self.drop(self.features(x).flatten(1)))


def build(cfg):
    net = ConvNet(cfg.channels, cfg.num_classes, cfg.dropout)
    opt = optim.SGD(net.parameters(), lr=cfg.lr, momentum=0.9)
    crit = nn.CrossEntropyLoss()
    return net, opt, crit


def run_phase(phase, loader, net, opt, crit):
    net.train(phase == "train")
    loss_sum = hits = seen = 0
    for x, y in loader:
        with torch.set_grad_enabled(phase == "train"):
            out = net(x)
            loss = crit(out, y)
        if phase == "train":
            opt.zero_grad()
            loss.backward()
            opt.step()
        loss_sum += loss.item() * len(y)
        hits += (out.argmax(1) == y).sum().item()
        seen += len(y)
    return loss_sum / seen, hits / seen


def main():
    seed_everything(config.seed)
    loaders = get_loaders(config)
    history = []
    for epoch in range(1, config.epochs + 1):
        net, opt, crit = build(config)
        row = {"epoch": epoch}
        for phase in ("train", "test"):
            row[phase] = run_phase(phase, loaders[phase], net, opt, crit)
        history.append(row)
        print("epoch {} | train loss {:.3f} acc {:.3f} | test loss {:.3f} acc {:.3f}".format(
            epoch, *row["train"], *row["test"]))


if __name__ == "__main__":
    main()
