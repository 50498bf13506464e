"""House price model (synthetic listings)."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class Listings(Dataset):
    def __init__(self, n, rng, stats=None):
        area = rng.gamma(6, 18, n)
        rooms = np.clip((area / 28 + rng.normal(0, 0.8, n)).round(), 1, 9)
        dist = rng.uniform(0.2, 25, n)
        year = rng.integers(1900, 2022, n)
        garden = rng.integers(0, 2, n)
        price = (
            2.4 * area * np.exp(-dist / 14)
            + 9 * rooms
            + 25 * garden * (dist > 8)
            + 0.25 * np.abs(year - 1960)
            + rng.normal(0, 12, n)
        )
        X = np.stack([area, rooms, dist, year, garden], 1)
        if stats is None:
            stats = dict(xm=X.mean(0), xs=X.std(0), ym=price.mean(), ys=price.std())
        self.stats = stats
        self.X = torch.tensor((X - stats["xm"]) / stats["xs"], dtype=torch.float32)
        self.y = torch.tensor((price - stats["ym"]) / stats["ys"], dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


class Trainer:
    def __init__(self, model, train_ds, test_ds, lr=2e-3, epochs=25):
        self.model = model
        self.train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
        self.test_ds = test_ds
        self.epochs = epochs
        self.opt = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, T_max=epochs)

    def loss_fn(self, x, y):
        pred = self.model(x).squeeze(1)
        return ((pred - y) ** 2).mean()

    def train_epoch(self):
        self.model.train()
        losses = []
        for x, y in self.train_loader:
            self.opt.zero_grad(set_to_none=True)
            loss = self.loss_fn(x, y)
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
        self.sched.step()
        return float(np.mean(losses))

    @torch.no_grad()
    def r2(self):
        self.model.eval()
        p = self.model(self.test_ds.X).flatten()
        y = self.test_ds.y
        return 1 - ((p - y) ** 2).sum().item() / ((y - y.mean()) ** 2).sum().item()

    def fit(self):
        for e in range(self.epochs):
            l = self.train_epoch()
            if e % 5 == 4:
                print(f"[{e + 1}/{self.epochs}] loss={l:.4f} R2={self.r2():.3f}")
        return self.r2()


if __name__ == "__main__":
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    train = Listings(3000, rng)
    test = Listings(800, rng, train.stats)
    net = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    print("test R2", round(Trainer(net, train, test).fit(), 4))
