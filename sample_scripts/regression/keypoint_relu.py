"""Positions of two marks on a strip, in units of the strip's length: never negative."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class MarkNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv1d(16, 16, 5, padding=2)
        self.fc1 = nn.Linear(16 * 10, 64)
        self.fc2 = nn.Linear(64, 2)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.max_pool1d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return F.softplus(self.fc2(x))


def strips(n, generator):
    first = torch.randint(3, 17, (n,), generator=generator)
    second = torch.randint(22, 37, (n,), generator=generator)
    s = 0.3 * torch.randn(n, 1, 40, generator=generator)
    for i in range(n):
        s[i, 0, first[i] - 1:first[i] + 2] += 2
        s[i, 0, second[i] - 1:second[i] + 2] -= 2
    return s, torch.stack([first, second], 1) / 20.0


g = torch.Generator()
g.manual_seed(0)
torch.manual_seed(0)
x, y = strips(1000, g)
xt, yt = strips(200, g)
net = MarkNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(10):
    for i in torch.randperm(1000).split(40):
        opt.zero_grad()
        loss = F.mse_loss(net(x[i]), y[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"{epoch}: train {loss.item():.5f} test mse {F.mse_loss(net(xt), yt).item():.5f}")
