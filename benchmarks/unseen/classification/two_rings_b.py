import torch
import torch.nn as nn

hyper = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True}


def ring_points(n):
    r = torch.randint(0, 3, (n,))
    phi = torch.rand(n) * 6.2832
    radius = r + 0.6 + 0.15 * torch.randn(n)
    return torch.stack([radius * phi.cos(), radius * phi.sin()], 1), r


torch.manual_seed(31)
train_x, train_y = ring_points(1500)
test_x, test_y = ring_points(500)


class Residual(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.a, self.b = nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, x):
        return x + self.b(torch.relu(self.a(x)))


net = nn.Sequential(nn.Linear(2, 32), Residual(32), Residual(32), nn.Linear(32, 3))
opt = torch.optim.SGD(net.parameters(), **hyper)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=15)
for epoch in range(15):
    for ids in torch.randperm(1500).split(50):
        opt.zero_grad()
        nn.functional.cross_entropy(net(train_x[ids]), train_y[ids], label_smoothing=0.02).backward()
        opt.step()
    sched.step()
with torch.no_grad():
    print("test acc", (net(test_x).argmax(1) == test_y).float().mean().item())
