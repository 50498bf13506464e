"""Toy heartbeat classifier: residual 1-D conv net."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader


class Beats(Dataset):
    kinds = ("normal", "wide", "early", "inverted", "double")

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        t = np.linspace(-1, 1, 96)
        bump = lambda c, w, a: a * np.exp(-0.5 * ((t - c) / w) ** 2)
        self.items = []
        for _ in range(n):
            k = int(rng.integers(0, 5))
            c = rng.normal(0, 0.12)
            w = 0.06 * rng.uniform(0.8, 1.2)
            s = bump(c - 0.35, 0.1, 0.25) + bump(c + 0.4, 0.13, 0.35)
            if k == 0:
                s = s + bump(c, w, 1)
            elif k == 1:
                s = s + bump(c, 2.2 * w, 0.9)
            elif k == 2:
                s = s + bump(c - 0.2, w, 1)
            elif k == 3:
                s = s + bump(c, w, 1) - bump(c + 0.4, 0.13, 0.7)
            else:
                s = s + bump(c - 0.08, 0.7 * w, 0.8) + bump(c + 0.1, 0.7 * w, 0.8)
            s = s * rng.uniform(0.8, 1.2) + rng.normal(0, 0.12, t.shape)
            self.items.append((s.astype(np.float32), k))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        s, k = self.items[i]
        return torch.from_numpy(s)[None], k


class Residual(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv1d(c_in, c_out, 5, stride, 2, bias=False)
        self.bn1 = nn.BatchNorm1d(c_out)
        self.conv2 = nn.Conv1d(c_out, c_out, 5, 1, 2, bias=False)
        self.bn2 = nn.BatchNorm1d(c_out)
        self.short = nn.Conv1d(c_in, c_out, 1, stride)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return F.relu(h + self.short(x))


class ECGNet(nn.Module):
    def __init__(self, widths=(8, 12, 16, 24), n_out=5, n_embed=32):
        super().__init__()
        self.stem = nn.Conv1d(1, widths[0], 7, padding=3)
        pairs = list(zip((widths[0],) + widths[:-1], widths))
        self.stages = nn.Sequential(*[Residual(a, b, 2) for a, b in pairs])
        self.proj = nn.Linear(widths[-1] * 6, n_embed)
        self.fc = nn.Linear(n_embed, n_out)

    def embed(self, x):
        h = self.stages(self.stem(x)).flatten(1)
        return F.relu(self.proj(h))

    def forward(self, x):
        return self.fc(self.embed(x))


def main():
    torch.manual_seed(2)
    train_loader = DataLoader(Beats(1500, 0), 50, shuffle=True)
    test_loader = DataLoader(Beats(500, 1), 250)
    model = ECGNet()
    epochs = 6
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=epochs * len(train_loader))
    for epoch in range(epochs):
        model.train()
        cum = 0
        for x, k in train_loader:
            opt.zero_grad()
            loss = F.cross_entropy(model(x), k)
            loss.backward()
            opt.step()
            sched.step()
            cum += loss.item()
        model.eval()
        good = 0
        with torch.no_grad():
            for x, k in test_loader:
                good += (model(x).argmax(1) == k).sum().item()
        print(f"Epoch {epoch + 1}/{epochs}: loss={cum / len(train_loader):.4f}, test_acc={good / 500:.4f}")


if __name__ == "__main__":
    main()
