import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset


class BiopsyDataset(Dataset):
    """Cell nuclei measurements. ``stats`` is the (mean, std) pair to use."""

    def __init__(self, x, y, stats=None):
        self.x = x.astype("float32")
        self.y = y.astype("float32")
        self.stats = stats

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        row = self.x[i]
        if self.stats is not None:
            mean, std = self.stats
            row = ((row - mean) / std).astype("float32")
        return {"features": torch.from_numpy(row), "label": torch.tensor(self.y[i])}


class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.l1 = nn.Linear(n, 48)
        self.l2 = nn.Linear(48, 24)
        self.l3 = nn.Linear(24, 1)
        self.drop = nn.Dropout(0.1)

    def forward(self, features):
        h = torch.relu(self.l1(features))
        h = self.drop(torch.relu(self.l2(h)))
        return self.l3(h)[:, 0]


class Trainer:
    def __init__(self, net, train_set, valid_set, lr=1e-3, bs=32):
        self.net = net
        self.train_loader = DataLoader(train_set, bs, shuffle=True, drop_last=True)
        self.valid_loader = DataLoader(valid_set, 64)
        self.opt = torch.optim.AdamW(net.parameters(), lr=lr)
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.history = []

    def train_epoch(self):
        self.net.train()
        acc = 0.0
        for batch in self.train_loader:
            self.opt.zero_grad()
            out = self.net(batch["features"])
            loss = self.loss_fn(out, batch["label"])
            loss.backward()
            self.opt.step()
            acc += loss.item()
        return acc / len(self.train_loader)

    @torch.no_grad()
    def validate(self):
        self.net.eval()
        losses, right, n = 0.0, 0, 0
        for batch in self.valid_loader:
            out = self.net(batch["features"])
            losses += self.loss_fn(out, batch["label"]).item() * len(out)
            right += ((out > 0).float() == batch["label"]).sum().item()
            n += len(out)
        return losses / n, right / n

    def fit(self, epochs):
        for e in range(epochs):
            tl = self.train_epoch()
            vl, va = self.validate()
            self.history.append((tl, vl, va))
            if e % 5 == 4:
                print(f"epoch {e + 1}: train {tl:.4f} valid {vl:.4f} valid_acc {va:.4f}")


def main():
    torch.manual_seed(11)
    x, y = load_breast_cancer(return_X_y=True)
    x_tr, x_va, y_tr, y_va = train_test_split(x, y, test_size=0.3, random_state=2)
    stats = (x_tr.mean(axis=0), x_tr.std(axis=0))
    train_set = BiopsyDataset(x_tr, y_tr, stats)
    valid_set = BiopsyDataset(x_va, y_va)
    Trainer(Net(x.shape[1]), train_set, valid_set).fit(40)


if __name__ == "__main__":
    main()
