# Hourly load forecasting, stateful LSTM, chronological batches (no shuffling),
# truncated backprop, one-cycle schedule stepped every update.
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)
rng = np.random.default_rng(0)

HOURS = 24 * 120
BATCH, BPTT, EPOCHS = 8, 24, 30
t = np.arange(HOURS)
daily = 1.5 * np.sin(2 * np.pi * t / 24) + 0.6 * np.sin(4 * np.pi * t / 24 + 1)
weekly = np.where((t // 24) % 7 >= 5, -1.0, 0.3)
ar = np.zeros(HOURS)
for i in range(1, HOURS):
    ar[i] = 0.8 * ar[i - 1] + 0.15 * rng.normal()
load = 50 + 8 * (daily * (1 + 0.2 * weekly) + weekly + ar)

split = 24 * 96
mu, sd = load[:split].mean(), load[:split].std()
series = torch.tensor((load - mu) / sd, dtype=torch.float32)


def lanes(x, n):
    m = len(x) // n
    return x[: n * m].view(n, m).unsqueeze(-1)


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, num_layers=2, batch_first=True, dropout=0.1)
        self.out = nn.Linear(hidden, 1)
        self.state = None

    def reset(self):
        self.state = None

    def forward(self, x):
        if self.state is not None:
            self.state = tuple(s.detach() for s in self.state)
        y, self.state = self.lstm(x, self.state)
        return x + self.out(y)


def windows(data, length):
    for i in range(0, data.size(1) - 1, length):
        j = min(i + length, data.size(1) - 1)
        yield data[:, i:j], data[:, i + 1:j + 1]


train, test = lanes(series[:split], BATCH), lanes(series[split:], 1)
model = Forecaster()
n_updates = EPOCHS * len(list(windows(train, BPTT)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.95, nesterov=True)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=n_updates,
                                                div_factor=50, cycle_momentum=False)
loss_fn = nn.MSELoss()

for epoch in range(EPOCHS):
    model.train()
    model.reset()
    seen = []
    for x, y in windows(train, BPTT):
        loss = loss_fn(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        seen.append(loss.item())
    if epoch % 6 == 5:
        print("epoch %2d mse %.4f lr %.4f" % (epoch + 1, np.mean(seen), scheduler.get_last_lr()[0]))

model.eval()
model.reset()
se, naive, n = 0.0, 0.0, 0
with torch.no_grad():
    for x, y in windows(test, 24):
        pred = model(x)
        se += (pred - y).pow(2).sum().item()
        naive += (x - y).pow(2).sum().item()
        n += y.numel()
print("persistence RMSE %.3f" % (sd * (naive / n) ** 0.5))
print("one step ahead: error variance relative to persistence %.4f" % (se / naive))
