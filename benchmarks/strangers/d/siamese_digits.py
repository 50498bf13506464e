"""Siamese embedding with the margin loss of Hadsell et al."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_digits


class PairDataset(Dataset):
    def __init__(self, x, y, n_pairs, seed):
        g = torch.Generator().manual_seed(seed)
        self.x, self.y = x, y
        a = torch.randint(len(x), (n_pairs,), generator=g)
        b = torch.randint(len(x), (n_pairs,), generator=g)
        # every second pair is positive: draw the partner from the same class
        for k in range(0, n_pairs, 2):
            pool = (y == y[a[k]]).nonzero()[:, 0]
            b[k] = pool[torch.randint(len(pool), (1,), generator=g)]
        self.a, self.b = a, b

    def __len__(self):
        return len(self.a)

    def __getitem__(self, k):
        i, j = self.a[k], self.b[k]
        return self.x[i], self.x[j], (self.y[i] == self.y[j]).float()


class Embed(nn.Module):
    def __init__(self, out=16):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, out))

    def forward(self, x):
        return self.f(x)


def distance(u, v):
    return (u - v).pow(2).sum(dim=1).sqrt()


class MarginLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, u, v, same):
        d = distance(u, v)
        pull = same * d.pow(2)
        push = (1 - same) * torch.clamp(self.margin - d, min=0).pow(2)
        return 0.5 * (pull + push).mean()


def knn_accuracy(net, ref_x, ref_y, x, y):
    net.eval()
    with torch.no_grad():
        d = torch.cdist(net(x), net(ref_x))
        return (ref_y[d.argmin(1)] == y).float().mean().item(), d.mean().item()


def main():
    torch.manual_seed(2)
    raw = load_digits()
    x = torch.tensor(raw.data, dtype=torch.float32) / 16 - 0.3
    y = torch.tensor(raw.target)
    ref, test = slice(0, 1300), slice(1300, None)
    pairs = DataLoader(PairDataset(x[ref], y[ref], 4000, seed=5), batch_size=64, shuffle=True)
    net, crit = Embed(), MarginLoss()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    print("before training: nn accuracy %.3f, mean distance %.3f" % knn_accuracy(net, x[ref], y[ref], x[test], y[test]))
    for epoch in range(8):
        net.train()
        s = 0.0
        for u, v, same in pairs:
            loss = crit(net(u), net(v), same)
            opt.zero_grad()
            loss.backward()
            opt.step()
            s += loss.item()
        acc, md = knn_accuracy(net, x[ref], y[ref], x[test], y[test])
        print(f"epoch {epoch} loss {s / len(pairs):.4f} nn accuracy {acc:.3f} mean distance {md:.3f}")


if __name__ == "__main__":
    main()
