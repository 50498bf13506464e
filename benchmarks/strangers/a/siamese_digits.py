import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits

# Siamese embedding of the digits with contrastive loss (Hadsell et al. 2006)
np.random.seed(0)
torch.manual_seed(0)

digits = load_digits()
X = torch.tensor(digits.data / 16.0, dtype=torch.float32)
y = digits.target
n_train = 1200
by_class = [np.where(y[:n_train] == c)[0] for c in range(10)]


def sample_pairs(n):
    left, right, same = [], [], []
    for _ in range(n):
        c = np.random.randint(10)
        left.append(np.random.choice(by_class[c]))
        if np.random.rand() < 0.5:
            right.append(np.random.choice(by_class[c]))
            same.append(1.0)
        else:
            other = (c + np.random.randint(1, 10)) % 10
            right.append(np.random.choice(by_class[other]))
            same.append(0.0)
    return X[left], X[right], torch.tensor(same)


class Embed(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(),
            nn.Linear(128, 64), nn.ReLU(),
            nn.Linear(64, dim),
        )

    def forward(self, x):
        return self.body(x)


def contrastive(a, b, same, margin=2.0):
    dist = torch.sqrt(((a - b) ** 2).sum(dim=1))
    return (same * dist + (1 - same) * torch.clamp(margin - dist, min=0) ** 2).mean()


def knn_accuracy(net):
    net.eval()
    with torch.no_grad():
        e = net(X)
    d = torch.cdist(e[n_train:], e[:n_train])
    nearest = d.argmin(dim=1).numpy()
    return (y[:n_train][nearest] == y[n_train:]).mean()


net = Embed()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for it in range(1, 801):
    net.train()
    a, b, s = sample_pairs(64)
    loss = contrastive(net(a), net(b), s)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 200 == 0:
        print("iter %d  loss %.4f  1-nn %.4f" % (it, loss.item(), knn_accuracy(net)))

print("1-nn accuracy %.4f" % knn_accuracy(net))
