"""Port of our old tf.keras housing model (same layer settings) to PyTorch."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BN_DECAY = 0.999
BN_EPS = 1e-3


def houses(n, seed):
    r = np.random.default_rng(seed)
    area = r.gamma(6, 18, n)
    rooms = np.clip(area / 28 + r.normal(0, 0.8, n), 1, 9)
    age = r.uniform(0, 90, n)
    dist = r.exponential(7, n)
    floor = r.integers(0, 12, n)
    income = r.lognormal(10.3, 0.35, n)
    X = np.c_[area, rooms, age, dist, floor, income]
    price = (0.012 * area + 0.1 * rooms - 0.004 * age - 0.05 * dist + 0.02 * floor
             + 0.9 * np.log(income / 3e4) - 0.4 * (age > 60) * (dist < 5) + r.normal(0, 0.1, n))
    return X.astype(np.float32), price.astype(np.float32)


def dense(i, o):
    return nn.Sequential(
        nn.Linear(i, o, bias=False),
        nn.BatchNorm1d(o, eps=BN_EPS, momentum=1 - BN_DECAY),
        nn.ELU())


class HousePrice(nn.Module):
    def __init__(self, n_features, units=(64, 64)):
        super().__init__()
        self.scale = nn.BatchNorm1d(n_features, eps=BN_EPS, momentum=1 - BN_DECAY)
        layers, last = [], n_features
        for u in units:
            layers.append(dense(last, u))
            last = u
        self.hidden = nn.Sequential(*layers)
        self.price = nn.Linear(last, 1)

    def forward(self, x):
        return self.price(self.hidden(self.scale(x)))[:, 0]


def main():
    torch.manual_seed(0)
    X, y = houses(4000, 0)
    Xt, yt = houses(1000, 1)
    m, s = y.mean(), y.std()
    y, yt = (y - m) / s, (yt - m) / s
    train = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), batch_size=128, shuffle=True, drop_last=True)
    Xt, yt = torch.from_numpy(Xt), torch.from_numpy(yt)

    model = HousePrice(X.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, eps=1e-7)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.93)
    for epoch in range(1, 16):
        model.train()
        running = 0.0
        for xb, yb in train:
            loss = nn.functional.mse_loss(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            val = nn.functional.mse_loss(model(Xt), yt).item()
        print("Epoch %d/15 - loss: %.4f - val_loss: %.4f" % (epoch, running / len(train), val))


if __name__ == "__main__":
    main()
