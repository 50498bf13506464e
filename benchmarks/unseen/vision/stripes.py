import math

import torch
from torch import nn

torch.manual_seed(2)


def stripes(n):
    """Gratings in eight directions on a bright background."""
    label = torch.randint(0, 8, (n,))
    angle = label * math.pi / 8
    yy, xx = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    phase = torch.rand(n, 1, 1) * 6.28
    wave = torch.sin(0.9 * (xx * torch.cos(angle)[:, None, None] + yy * torch.sin(angle)[:, None, None]) + phase)
    light = torch.randn(n, 1, 1) * 0.5 + 6
    return (wave + light + 0.4 * torch.randn(n, 16, 16))[:, None], label


class Net(nn.Module):
    def __init__(self):
        super().__init__()

        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))

        self.features = nn.Sequential(block(1, 16), block(16, 32), block(32, 32))
        self.classify = nn.Linear(128, 8)

    def forward(self, x):
        return self.classify(self.features(x).flatten(1))


x_train, y_train = stripes(2000)
x_test, y_test = stripes(500)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


class Scorer:
    def __call__(self, model):
        model.eval()
        with torch.no_grad():
            score = (model(x_test).argmax(1) == y_test).float().mean().item()
            return score


scorer = Scorer()
print("before", scorer(model))
for step in range(240):
    pick = torch.randint(0, 2000, (64,))
    xb, yb = x_train[pick], y_train[pick]
    loss = nn.functional.cross_entropy(model(xb), yb)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(step + 1, "acc", scorer(model))
