"""RealNVP on tightly scaled two moons; density is reported on held-out points."""
import math
import torch
import torch.nn as nn
from sklearn.datasets import make_moons

torch.manual_seed(19)


def points(n, seed):
    x, _ = make_moons(n, noise=0.05, random_state=seed)
    x = (x - [0.5, 0.25]) / 2.0
    return torch.tensor(x, dtype=torch.float32)


class Coupling(nn.Module):
    def __init__(self, swap, hidden=48):
        super().__init__()
        self.swap = swap
        self.net = nn.Sequential(nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2))
        with torch.no_grad():
            self.net[-1].weight.zero_()
            self.net[-1].bias.zero_()

    def forward(self, x):
        a, b = x[:, :1], x[:, 1:]
        if self.swap:
            a, b = b, a
        s, t = self.net(a).chunk(2, 1)
        s = 2 * torch.tanh(s / 2)
        b = b * s.exp() + t
        out = torch.cat([b, a], 1) if self.swap else torch.cat([a, b], 1)
        return out, s.squeeze(1)


class Flow(nn.Module):
    def __init__(self, n=8):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(i % 2 == 1) for i in range(n))

    def log_prob(self, x):
        logdet = 0
        for l in self.layers:
            x, d = l(x)
            logdet = logdet + d
        return -0.5 * (x ** 2).sum(1) - math.log(2 * math.pi) + logdet


train, valid, test = points(4000, 0), points(1000, 1), points(2000, 2)
flow = Flow()
ema = torch.optim.swa_utils.AveragedModel(flow, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99))
opt = torch.optim.Adam(flow.parameters(), lr=4e-3)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=3)

for epoch in range(25):
    flow.train()
    for idx in torch.randperm(len(train)).split(128):
        loss = -flow.log_prob(train[idx]).mean()
        opt.zero_grad(set_to_none=False)
        loss.backward()
        nn.utils.clip_grad_value_(flow.parameters(), 1.0)
        opt.step()
        ema.update_parameters(flow)
    with torch.no_grad():
        v = -ema.module.log_prob(valid).mean().item()
    plateau.step(v)
    if epoch % 5 == 0:
        print(f"epoch {epoch:2d} train nll {loss.item():.3f} valid nll {v:.3f} lr {opt.param_groups[0]['lr']:.1e}")

with torch.no_grad():
    nll = -ema.module.log_prob(test).mean().item()
g = torch.distributions.MultivariateNormal(train.mean(0), torch.cov(train.T))
print(f"single gaussian nll {-g.log_prob(test).mean().item():.4f}")
print(f"flow nll {nll:.4f}")
