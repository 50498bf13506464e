import copy
import math

import torch
from torch import nn

torch.manual_seed(3)
meta = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))


def task():
    amp, phase = torch.rand(1) * 2 + 0.5, torch.rand(1) * math.pi
    return lambda t: amp * torch.sin(t + phase)


def adapt(net, f, steps):
    net = copy.deepcopy(net)
    inner = torch.optim.SGD(net.parameters(), lr=0.02)
    t = torch.rand(20, 1) * 10 - 5
    for _ in range(steps):
        inner.zero_grad()
        (net(t) - f(t)).pow(2).mean().backward()
        inner.step()
    return net


for it in range(150):
    tuned = adapt(meta, task(), 8)
    with torch.no_grad():
        for p, q in zip(meta.parameters(), tuned.parameters()):
            p.add_(q - p, alpha=0.3)

errors = []
grid = torch.linspace(-5, 5, 100)[:, None]
for _ in range(20):
    f = task()
    tuned = adapt(meta, f, 16)
    with torch.no_grad():
        errors.append((tuned(grid) - f(grid)).pow(2).mean().item())
print("mse after adapting", sum(errors) / len(errors))
