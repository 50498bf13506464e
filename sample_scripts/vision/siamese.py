import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class PairData(Dataset):
    def __init__(self, x, y, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = x
        a = torch.randint(0, len(x), (n,), generator=g)
        b = torch.randint(0, len(x), (n,), generator=g)
        for k in range(0, n, 2):
            same = (y == y[a[k]]).nonzero().flatten()
            b[k] = same[torch.randint(0, len(same), (1,), generator=g)]
        self.a, self.b = a, b
        self.same = (y[a] == y[b]).float()

    def __len__(self):
        return len(self.a)

    def __getitem__(self, i):
        return self.x[self.a[i]], self.x[self.b[i]], self.same[i]


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.shift = nn.Parameter(torch.tensor(1.0))

    def forward(self, a, b):
        dist = (self.tower(a) - self.tower(b)).pow(2).sum(1)
        return self.shift - self.scale * dist


def main():
    torch.manual_seed(0)
    d = load_digits()
    x = torch.tensor((d.data - 4.9) / 6.0, dtype=torch.float32)
    y = torch.tensor(d.target)
    train = DataLoader(PairData(x[:1400], y[:1400], 3000, 0), batch_size=64, shuffle=True, num_workers=2)
    test = DataLoader(PairData(x[1400:], y[1400:], 600, 1), batch_size=600)
    net = Siamese()
    opt = torch.optim.Adam(net.parameters(), lr=4e-3)
    for epoch in range(6):
        total = 0.0
        for a, b, same in train:
            loss = F.binary_cross_entropy_with_logits(net(a, b), same)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        with torch.no_grad():
            acc = sum(((net(a, b) > 0) == (s > 0.5)).float().mean().item() for a, b, s in test)
        print(f"epoch {epoch} loss {total / len(train):.4f} pair accuracy {acc:.4f}")


if __name__ == "__main__":
    main()
