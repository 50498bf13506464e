"""Momentum contrast on the digits, evaluated with k-nn. Labels are never used for training."""
import copy
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

torch.manual_seed(12)
DIM, QUEUE, TEMP, MOM = 32, 512, 0.2, 0.99

dig = load_digits()
X = torch.tensor(dig.images, dtype=torch.float32).div(16).unsqueeze(1)
y = dig.target


def augment(x):
    n = len(x)
    ang = (torch.rand(n) - 0.5) * 0.3
    sc = 1 + (torch.rand(n) - 0.5) * 0.3
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = ang.cos() * sc
    theta[:, 0, 1], theta[:, 1, 0] = -ang.sin() * sc, ang.sin() * sc
    theta[:, :, 2] = (torch.rand(n, 2) - 0.5) * 0.4
    x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)
    return x + 0.1 * torch.randn_like(x)


def encoder():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, DIM),
    )


q_net = encoder()
k_net = copy.deepcopy(q_net).requires_grad_(False)
queue = F.normalize(torch.randn(QUEUE, DIM), dim=1)
ptr = 0
opt = torch.optim.Adam(q_net.parameters(), lr=1e-3)


def knn():
    with torch.no_grad():
        e = F.normalize(q_net(X), dim=1).numpy()
    return KNeighborsClassifier(5).fit(e[:1200], y[:1200]).score(e[1200:], y[1200:])


print("untrained k-nn", round(knn(), 4))
for epoch in range(40):
    total, nb = 0.0, 0
    for idx in torch.randperm(1200).split(64):
        if len(idx) < 64:
            continue
        q = F.normalize(q_net(augment(X[idx])), dim=1)
        with torch.no_grad():
            for pk, pq in zip(k_net.parameters(), q_net.parameters()):
                pk.mul_(MOM).add_(pq, alpha=1 - MOM)
            k = F.normalize(k_net(augment(X[idx])), dim=1)
        pos = (q * k).sum(1, keepdim=True)
        logits = torch.cat([pos, q @ queue.T], dim=1) / TEMP
        loss = F.cross_entropy(logits, torch.zeros(len(idx), dtype=torch.long))
        opt.zero_grad()
        loss.backward()
        opt.step()
        queue[ptr:ptr + 64] = k
        ptr = (ptr + 64) % QUEUE
        total += loss.item()
        nb += 1
    if epoch % 10 == 0:
        print(epoch, round(total / nb, 4))
print("k-nn accuracy", round(knn(), 4))
