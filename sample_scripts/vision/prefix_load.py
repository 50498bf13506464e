import io

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
d = load_digits()
x = torch.tensor(d.images / 16.0, dtype=torch.float32)[:, None]
y = torch.tensor(d.target)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = nn.functional.max_pool2d(x, 2)
        return torch.relu(self.conv2(x)).mean((2, 3))


class Pretrainer(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Backbone()
        self.quadrant = nn.Linear(32, 10)

    def forward(self, x):
        return self.quadrant(self.model(x))


def epochs(net, params, x, y, n, lr):
    opt = torch.optim.Adam(params, lr=lr)
    for epoch in range(n):
        for idx in torch.randperm(len(x)).split(32):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
            loss.backward()
            opt.step()
        print(f"   loss {loss.item():.3f}")


big = Pretrainer()
epochs(big, big.parameters(), x[:1200], y[:1200], 8, 5e-3)
checkpoint = io.BytesIO()
torch.save(big.state_dict(), checkpoint)

checkpoint.seek(0)
encoder = Backbone()
encoder.load_state_dict(torch.load(checkpoint), strict=False)
for p in encoder.parameters():
    p.requires_grad_(False)
few = nn.Sequential(encoder, nn.Linear(32, 10))
epochs(few, few[1].parameters(), x[1200:1400], y[1200:1400], 15, 5e-3)
with torch.no_grad():
    print(f"accuracy {(few(x[1400:]).argmax(1) == y[1400:]).float().mean():.3f}")
