"""
Transfer learning in two stages on digits:
  source task: odd/even + "large" (two labels), all digits
  target task: ten classes with few labels
Stage A trains the head on a frozen backbone (BatchNorm kept in eval mode),
stage B unfreezes the last block and fine-tunes with a much smaller rate.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(55)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU())
        self.block2 = nn.Sequential(nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU())

    def forward(self, x):
        return self.block2(self.block1(x))


class Net(nn.Module):
    def __init__(self, backbone, n_out):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(64, n_out)
        self.frozen_bn = False

    def train(self, mode=True):
        super().train(mode)
        if self.frozen_bn:
            for m in self.backbone.modules():
                if isinstance(m, nn.BatchNorm1d):
                    m.eval()
        return self

    def forward(self, x):
        return self.head(self.backbone(x))


def loop(net, x, y, loss_fn, opt, epochs, batch):
    for _ in range(epochs):
        net.train()
        total = 0.0
        for idx in torch.randperm(len(x)).split(batch):
            opt.zero_grad()
            loss = loss_fn(net(x[idx]), y[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
    return total / len(x)


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


d = load_digits()
X, Y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
test = slice(1300, None)
few = slice(0, 150)

# source task
source_labels = torch.stack([Y % 2, (Y >= 5).long(), ((Y // 2) % 2)], dim=1).float()
net = Net(Backbone(), 3)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
last = loop(net, X[:1300], source_labels[:1300], F.binary_cross_entropy_with_logits, opt, epochs=8, batch=64)
print("source loss %.4f" % last)

# stage A
net = Net(net.backbone, 10)
net.frozen_bn = True
for p in net.backbone.parameters():
    p.requires_grad = False
nn.init.zeros_(net.head.weight)
nn.init.zeros_(net.head.bias)
opt = torch.optim.SGD(filter(lambda p: p.requires_grad, net.parameters()), lr=0.5)
last = loop(net, X[few], Y[few], F.cross_entropy, opt, epochs=40, batch=150)
acc_a = accuracy(net, X[test], Y[test])
print("stage A: loss %.4f accuracy %.4f" % (last, acc_a))

# stage B
for p in net.backbone.block2.parameters():
    p.requires_grad = True
opt = torch.optim.Adam([
    {"params": net.head.parameters(), "lr": 1e-3},
    {"params": net.backbone.block2.parameters(), "lr": 1e-4},
])
last = loop(net, X[few], Y[few], F.cross_entropy, opt, epochs=20, batch=50)
print("stage B: loss %.4f" % last)
print("accuracy with 150 labels: %.4f" % accuracy(net, X[test], Y[test]))
