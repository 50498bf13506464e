"""Detector with a low prior, bias initialisation as in RetinaNet."""
import math
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(41)
PRIOR = 0.01


def make_split(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 12, generator=g)
    score = x[:, 0] * x[:, 1] + 0.8 * x[:, 2].abs() - 0.7 * x[:, 3] ** 2 + x[:, 4]
    y = (score > 1.6).float()
    return x, y


def focal_loss(logit, target, alpha=0.5, gamma=1.0):
    bce = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    p = torch.sigmoid(logit)
    pt = p * target + (1 - p) * (1 - target)
    at = alpha * target + (1 - alpha) * (1 - target)
    return (at * (1 - pt) ** gamma * bce).mean()


class Detector(nn.Module):
    def __init__(self, d=12, h=64):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.score = nn.Linear(h, 1)
        self.init_bias()

    def init_bias(self):
        b = -math.log((1 - PRIOR) / PRIOR)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.constant_(m.bias, b)

    def forward(self, x):
        return self.score(self.trunk(x))[:, 0]


def average_precision(score, y):
    order = score.argsort(descending=True)
    hit = y[order]
    prec = hit.cumsum(0) / torch.arange(1, len(hit) + 1)
    return (prec * hit).sum().item() / hit.sum().item()


xtr, ytr = make_split(4000, 1)
xte, yte = make_split(2000, 2)
print("positives: %.3f train, %.3f test" % (ytr.mean(), yte.mean()))

net = Detector()
optimizer = torch.optim.Adam(
    [
        {"params": net.trunk.parameters(), "lr": 2e-3},
        {"params": net.score.parameters(), "lr": 4e-3},
    ]
)
for epoch in range(1, 16):
    net.train()
    total = 0.0
    for idx in torch.randperm(len(xtr)).split(128):
        loss = focal_loss(net(xtr[idx]), ytr[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    net.eval()
    with torch.no_grad():
        ap = average_precision(net(xte), yte)
    if epoch % 3 == 0:
        print(f"epoch {epoch} focal {total / len(xtr):.5f} test ap {ap:.4f}")
