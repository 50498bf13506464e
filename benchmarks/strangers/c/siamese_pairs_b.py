"""Same digit or not? Twin encoder with a small decision head."""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader


class PairSet(Dataset):
    def __init__(self, images, labels, n_pairs, seed):
        rng = np.random.default_rng(seed)
        self.images = torch.tensor(images, dtype=torch.float32) / 16
        groups = {c: np.flatnonzero(labels == c) for c in range(10)}
        self.pairs = []
        for k in range(n_pairs):
            i = int(rng.integers(len(labels)))
            if k % 2:
                j = int(rng.choice(groups[int(labels[i])]))
                same = 1
            else:
                other = int(rng.choice([c for c in range(10) if c != labels[i]]))
                j, same = int(rng.choice(groups[other])), 0
            self.pairs.append((i, j, same))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        i, j, s = self.pairs[k]
        return {"left": self.images[i], "right": self.images[j], "same": torch.tensor([float(s)])}


class Twin(nn.Module):
    def __init__(self, emb=24, hidden=96):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, emb))
        self.decide = nn.Sequential(nn.Linear(emb, 16), nn.GELU(), nn.Linear(16, 1))

    def scores(self, a, b):
        return self.decide((self.encoder(a) - self.encoder(b)).abs())

    def forward(self, a, b):
        return torch.sigmoid(self.scores(a, b))


def evaluate(net, loader):
    net.eval()
    good = total = 0
    with torch.no_grad():
        for b in loader:
            guess = net(b["left"], b["right"]) > 0.5
            good += (guess == b["same"].bool()).sum().item()
            total += len(guess)
    return good / total


def main():
    torch.manual_seed(11)
    d = load_digits()
    train = DataLoader(PairSet(d.data[:1300], d.target[:1300], 4000, 0), 64, shuffle=True)
    test = DataLoader(PairSet(d.data[1300:], d.target[1300:], 1000, 1), 250)
    net = Twin()
    bce = nn.BCELoss()
    opt = torch.optim.RMSprop(net.parameters(), lr=1e-3)
    for epoch in range(10):
        net.train()
        s = 0.0
        for b in train:
            p = net(b["left"], b["right"])
            loss = bce(p, b["same"])
            opt.zero_grad()
            loss.backward()
            opt.step()
            s += loss.item()
        print(f"epoch {epoch}: bce {s / len(train):.4f} pair acc {evaluate(net, test):.4f}")


if __name__ == "__main__":
    main()
