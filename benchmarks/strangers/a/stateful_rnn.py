"""Stateful RNN with truncated backprop on long streams.

Task: every stream is a random +-1 signal; the output mixes a few lagged
values and one product of lags, plus noise.
"""
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(9)
rng = np.random.default_rng(9)

STREAMS, LENGTH, CHUNK = 32, 3000, 20


def streams(n, length):
    x = rng.choice([-1.0, 1.0], (n, length))
    y = 0.7 * np.roll(x, 2, 1) - 0.5 * np.roll(x, 5, 1) + 0.4 * np.roll(x, 1, 1) * np.roll(x, 3, 1)
    y[:, :8] = 0
    y = y + 0.2 * rng.standard_normal(y.shape)
    f = lambda a: torch.tensor(a, dtype=torch.float32).unsqueeze(-1)
    return f(x), f(y)


class Net(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, h=None):
        o, h = self.rnn(x, h)
        return self.out(o), h


def repackage(h):
    return h.detach()


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=6e-3)
x, y = streams(STREAMS, LENGTH)
clipped = 0
for epoch in range(4):
    h = None
    losses = []
    for start in range(0, LENGTH, CHUNK):
        xb, yb = x[:, start:start + CHUNK], y[:, start:start + CHUNK]
        if h is not None:
            h = repackage(h)
        out, h = net(xb, h)
        loss = ((out - yb) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.05)
        clipped += int(norm > 0.05)
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch} first {np.mean(losses[:20]):.4f} last {np.mean(losses[-20:]):.4f}")

print("steps clipped:", clipped, "of", 4 * (LENGTH // CHUNK))
xt, yt = streams(16, 600)
with torch.no_grad():
    p, _ = net(xt)
mse = ((p - yt)[:, 20:] ** 2).mean().item()
print(f"noise variance 0.0400, variance of target {yt.var().item():.4f}")
print(f"test mse {mse:.4f}")
