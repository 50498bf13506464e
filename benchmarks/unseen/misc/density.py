import math

import torch
from torch import nn

torch.manual_seed(27)
c = torch.rand(2000, 1) * 4 - 2
v = 0.02 * torch.sin(2 * c) + 0.003 * torch.randn(2000, 1)


class Mixture(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.k = k
        self.net = nn.Sequential(nn.Linear(1, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 3 * k))

    def forward(self, c, v):
        logit, mean, log_s = self.net(c).split(self.k, 1)
        z = (v - 0.05 * mean) * torch.exp(-(log_s - 4))
        log_p = -0.5 * z**2 - (log_s - 4) - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(logit.log_softmax(1) + log_p, 1)


model = Mixture()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(20):
    for ids in torch.randperm(1600).split(80):
        loss = -model(c[ids], v[ids]).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
with torch.no_grad():
    print("held-out nll", -model(c[1600:], v[1600:]).mean().item())
