import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def init_weights(m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.constant_(m.weight, 0.02)
        nn.init.zeros_(m.bias)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 3, padding=1)
        self.c2 = nn.Conv2d(6, 16, 3)
        self.f1 = nn.Linear(16 * 9, 60)
        self.f2 = nn.Linear(60, 10)
        self.apply(init_weights)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = F.relu(self.f1(x.flatten(1)))
        return self.f2(x)


torch.manual_seed(18)
d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
y = torch.tensor(d.target)
loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=35, shuffle=True)
net = LeNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(6):
    for xb, yb in loader:
        opt.zero_grad()
        F.cross_entropy(net(xb), yb).backward()
        opt.step()
    with torch.no_grad():
        out = net(x[1400:])
        print(f"{epoch}: val loss {F.cross_entropy(out, y[1400:]):.4f} acc {(out.argmax(1) == y[1400:]).float().mean():.4f}")
