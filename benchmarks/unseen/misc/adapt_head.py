import torch
import torch.nn.functional as F
from torch import nn


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 64), nn.GELU(), nn.Linear(64, 32), nn.GELU())
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.body(x))


def make_optimizer(net):
    return torch.optim.AdamW(
        [{"params": net.body.parameters(), "lr": 2e-4}, {"params": net.head.parameters(), "lr": 5e-3}], weight_decay=1e-2
    )


def make_task(classes, n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 12, generator=g) * 1.2
    y = torch.randint(classes, (n,), generator=g)
    return centres[y] + torch.randn(n, 12, generator=g) * 0.9, y


def fit(net, opt, x, y, epochs):
    for _ in range(epochs):
        for idx in torch.randperm(len(x)).chunk(12):
            opt.zero_grad()
            F.cross_entropy(net(x[idx]), y[idx]).backward()
            opt.step()


def main():
    torch.manual_seed(5)
    net = Trunk()
    opt = make_optimizer(net)
    net.head = nn.Linear(32, 4)
    x, y = make_task(4, 900, 8)
    fit(net, opt, x[:700], y[:700], 12)
    with torch.no_grad():
        print("accuracy", (net(x[700:]).argmax(1) == y[700:]).float().mean().item())


main()
