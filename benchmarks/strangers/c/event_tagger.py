"""Detects rare spikes in sensor traces (per-time-step binary labels)."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

T = 80


def traces(n, seed):
    g = torch.Generator().manual_seed(seed)
    base = torch.cumsum(0.15 * torch.randn(n, T, generator=g), 1)
    x = base + 0.2 * torch.randn(n, T, generator=g)
    y = torch.zeros(n, T)
    for i in range(n):
        for _ in range(int(torch.randint(0, 4, (1,), generator=g))):
            p = int(torch.randint(2, T - 6, (1,), generator=g))
            x[i, p:p + 4] += torch.tensor([0.9, 1.4, 1.0, 0.5]) * (0.8 + 0.5 * torch.rand(1, generator=g))
            y[i, p:p + 4] = 1
    return x.unsqueeze(1), y


class DilatedTagger(nn.Module):
    def __init__(self, ch=20, dilations=(1, 2, 4)):
        super().__init__()
        self.inp = nn.Conv1d(1, ch, 3, padding=1)
        self.convs = nn.ModuleList([nn.Conv1d(ch, ch, 3, padding=d, dilation=d) for d in dilations])
        self.norms = nn.ModuleList([nn.GroupNorm(2, ch) for _ in dilations])
        self.out = nn.Sequential(nn.Conv1d(ch, ch, 1), nn.ReLU(), nn.Conv1d(ch, 1, 1), nn.Sigmoid())

    def forward(self, x):
        h = self.inp(x)
        for c, n in zip(self.convs, self.norms):
            h = h + torch.relu(n(c(h)))
        return self.out(h).squeeze(1)


def prf(tp, fp, fn):
    p, r = tp / max(tp + fp, 1), tp / max(tp + fn, 1)
    return p, r, 2 * p * r / max(p + r, 1e-9)


def evaluate(model, loader, thr=0.5):
    model.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for x, y in loader:
            hit = torch.sigmoid(model(x)) > thr
            truth = y > 0.5
            tp += (hit & truth).sum().item()
            fp += (hit & ~truth).sum().item()
            fn += (~hit & truth).sum().item()
    return prf(tp, fp, fn)


def main(epochs=8, lr=4e-3):
    torch.manual_seed(10)
    tr = DataLoader(TensorDataset(*traces(600, 0)), 30, shuffle=True)
    te = DataLoader(TensorDataset(*traces(200, 1)), 100)
    model = DilatedTagger()
    crit = nn.BCEWithLogitsLoss()
    opt = torch.optim.AdamW(model.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    for ep in range(epochs):
        model.train()
        tot = 0
        for x, y in tr:
            opt.zero_grad()
            l = crit(model(x), y)
            l.backward()
            opt.step()
            tot += l.item()
        sched.step()
        p, r, f = evaluate(model, te)
        print(f"ep{ep} loss {tot / len(tr):.4f} precision {p:.3f} recall {r:.3f} f1 {f:.4f}")


if __name__ == "__main__":
    main()
