"""Stateful truncated BPTT over one long series, chunks are fed in order."""
import math
import numpy as np
import torch
from torch import nn

STREAMS, CHUNK = 16, 25


def series(n, seed):
    r = np.random.default_rng(seed)
    t = np.arange(n)
    slow = np.sin(2 * math.pi * t / 173)
    fast = np.sin(2 * math.pi * t / 17 + 2 * slow)
    return torch.tensor(fast + 0.4 * slow + 0.05 * r.standard_normal(n), dtype=torch.float32)


class Net(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.cell = nn.LSTM(1, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, state):
        h, state = self.cell(x.unsqueeze(-1), state)
        return self.out(h).squeeze(-1), state


def repackage(state):
    return tuple(s.detach() for s in state)


def to_streams(s):
    n = len(s) // STREAMS * STREAMS
    return s[:n].view(STREAMS, -1).t().contiguous()      # time, streams


def chunks(data):
    for i in range(0, data.size(0) - 1, CHUNK):
        j = min(i + CHUNK, data.size(0) - 1)
        yield data[i:j], data[i + 1:j + 1]


@torch.no_grad()
def evaluate(net, data):
    net.eval()
    state, se, n = None, 0.0, 0
    for x, y in chunks(data):
        p, state = net(x, state)
        se += ((p - y) ** 2).sum().item()
        n += y.numel()
    return se / n


torch.manual_seed(5)
train_data = to_streams(series(16000, 0))
valid_data = to_streams(series(4000, 1))
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode="min", factor=0.5, patience=1)

for epoch in range(8):
    net.train()
    state, total, k = None, 0.0, 0
    for x, y in chunks(train_data):
        if state is not None:
            state = repackage(state)
        pred, state = net(x, state)
        loss = nn.functional.mse_loss(pred, y)
        net.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        opt.step()
        total += loss.item()
        k += 1
    v = evaluate(net, valid_data)
    sched.step(v)
    print(f"epoch {epoch} train {total / k:.5f} valid {v:.5f} lr {opt.param_groups[0]['lr']:.4f}")
