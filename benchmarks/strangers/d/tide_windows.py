import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


def tide(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(n).float()
    s = torch.sin(2 * torch.pi * t / 12.4) + 0.6 * torch.sin(2 * torch.pi * t / 25.8 + 1) + 0.3 * torch.sin(2 * torch.pi * t / 354)
    return s + 0.05 * torch.randn(n, generator=g)


class WindowDataset(Dataset):
    """(window, next ``steps`` values) pairs cut from one long series."""

    def __init__(self, series, window=48, steps=4, stride=2):
        self.series = (series - series.mean()) / series.std()
        self.window, self.steps, self.stride = window, steps, stride

    def __len__(self):
        return (len(self.series) - self.window - self.steps) // self.stride + 1

    def __getitem__(self, i):
        start = i * self.stride
        stop = start + self.window
        x = self.series[-self.window:]
        y = self.series[stop:stop + self.steps]
        return x.unsqueeze(-1), y


class GRUForecaster(nn.Module):
    def __init__(self, hidden=24, steps=4):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, steps))

    def forward(self, x):
        _, h = self.gru(x)
        return self.head(h[-1])


class EarlyStop:
    def __init__(self, patience):
        self.patience, self.best, self.bad = patience, float("inf"), 0

    def __call__(self, value):
        if value < self.best - 1e-4:
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        return self.bad >= self.patience


def evaluate(model, loader):
    model.eval()
    se = n = 0
    with torch.no_grad():
        for x, y in loader:
            se += ((model(x) - y) ** 2).sum().item()
            n += y.numel()
    return se / n


def main():
    torch.manual_seed(17)
    ds = WindowDataset(tide(2400, 3))
    k = int(0.85 * len(ds))
    train = DataLoader(Subset(ds, range(k)), batch_size=64, shuffle=True)
    valid = DataLoader(Subset(ds, range(k + 25, len(ds))), batch_size=256)
    model = GRUForecaster()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    stopper = EarlyStop(patience=6)
    for epoch in range(14):
        model.train()
        s = 0.0
        for x, y in train:
            opt.zero_grad(set_to_none=True)
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            s += loss.item()
        v = evaluate(model, valid)
        print(f"epoch {epoch:2d} train mse {s / len(train):.4f} valid mse {v:.4f}")
        if stopper(v):
            break


if __name__ == "__main__":
    main()
