# Predicting delivery times with uncertainty: 10% / 50% / 90% quantiles.
import numpy as np
import torch
import torch.nn as nn

np.random.seed(1)
torch.manual_seed(1)

QUANTILES = (0.1, 0.5, 0.9)


def make_orders(n):
    distance = np.random.gamma(2.0, 2.0, n)
    hour = np.random.uniform(8, 22, n)
    items = np.random.poisson(3, n)
    rain = (np.random.rand(n) < 0.3).astype(float)
    rush = np.exp(-((hour - 18) / 2.0) ** 2)
    mean = 10 + 4 * distance + 8 * rush * (1 + rain) + 1.2 * items
    scale = 1.0 + 0.5 * distance + 3 * rain
    minutes = mean + scale * np.random.randn(n)
    X = np.stack([distance, hour, items, rain], axis=1)
    return X.astype(np.float32), minutes.astype(np.float32)


class Standardizer:
    def fit(self, a):
        self.mu, self.sd = a.mean(0), a.std(0)
        return self

    def __call__(self, a):
        return (a - self.mu) / self.sd

    def invert(self, a):
        return a * self.sd + self.mu


class QuantileNet(nn.Module):
    """One small head per quantile on top of a shared trunk."""

    def __init__(self, n_features, quantiles, width=48):
        super().__init__()
        self.quantiles = quantiles
        self.trunk = nn.Sequential(
            nn.Linear(n_features, width), nn.GELU(),
            nn.Linear(width, width), nn.GELU(),
        )
        self.heads = nn.ModuleList([nn.Linear(width, 1) for _ in quantiles])

    def forward(self, x):
        h = self.trunk(x)
        return [head(h) for head in self.heads]


def pinball(pred, target, q):
    err = target.view_as(pred) - pred
    return torch.max(q * err, (q - 1) * err).mean()


def total_loss(outputs, target, quantiles):
    return sum(pinball(out, target, q) for out, q in zip(outputs, quantiles))


X, y = make_orders(3000)
n_train = 2400
sx, sy = Standardizer().fit(X[:n_train]), Standardizer().fit(y[:n_train])
X_t = torch.from_numpy(sx(X))
y_t = torch.from_numpy(sy(y))
X_train, y_train = X_t[:n_train], y_t[:n_train]
X_test, y_test = X_t[n_train:], y[n_train:]

model = QuantileNet(X.shape[1], QUANTILES)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[15, 20], gamma=0.3)

for epoch in range(25):
    model.train()
    losses = []
    for idx in torch.randperm(n_train).split(64):
        outputs = model(X_train[idx])
        loss = total_loss(outputs, y_train[idx], QUANTILES)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    if (epoch + 1) % 5 == 0:
        print("epoch %2d, pinball loss %.4f, lr %.1e" % (
            epoch + 1, np.mean(losses), scheduler.get_last_lr()[0]))

model.eval()
with torch.no_grad():
    pred = np.stack([sy.invert(o.numpy().ravel()) for o in model(X_test)], axis=1)

coverage = np.mean((y_test >= pred[:, 0]) & (y_test <= pred[:, 2]))
width = np.mean(pred[:, 2] - pred[:, 0])
mae = np.mean(np.abs(pred[:, 1] - y_test))
baseline = np.mean(np.abs(np.median(y[:n_train]) - y_test))
print("interval: coverage %.3f, width %.1f min" % (coverage, width))
print("median forecast: MAE relative to constant forecast = %.4f" % (mae / baseline))
