#!/usr/bin/env python
"""Bootstrap-your-own-latent on digits, then a logistic regression on frozen features."""
import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

torch.manual_seed(9)


def augment(x):
    """random shift by one pixel, brightness, noise, occlusion"""
    n = len(x)
    img = F.pad(x.view(n, 8, 8), (1, 1, 1, 1))
    dy, dx = torch.randint(0, 3, (2,)).tolist()
    img = img[:, dy:dy + 8, dx:dx + 8]
    img = img * (0.7 + 0.6 * torch.rand(n, 1, 1)) + 0.1 * torch.randn(n, 8, 8)
    keep = (torch.rand(n, 8, 8) > 0.15).float()
    return (img * keep).reshape(n, 64)


class Encoder(nn.Module):
    def __init__(self, feat=64, proj=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(),
                                  nn.Linear(128, feat), nn.BatchNorm1d(feat), nn.ReLU())
        self.proj = nn.Sequential(nn.Linear(feat, feat), nn.BatchNorm1d(feat), nn.ReLU(), nn.Linear(feat, proj))

    def forward(self, x):
        return self.proj(self.body(x))


class BYOL:
    def __init__(self, momentum=0.99, lr=2e-3):
        self.online = Encoder()
        self.predictor = nn.Sequential(nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32))
        self.target = copy.deepcopy(self.online)
        for p in self.target.parameters():
            p.requires_grad = False
        self.m = momentum
        params = list(self.online.parameters()) + list(self.predictor.parameters())
        self.opt = torch.optim.AdamW(params, lr=lr, weight_decay=1e-4)

    @torch.no_grad()
    def move_target(self):
        for t, o in zip(self.target.parameters(), self.online.parameters()):
            t.mul_(self.m).add_(o, alpha=1 - self.m)

    def one_side(self, a, b):
        p = self.predictor(self.online(a))
        with torch.no_grad():
            z = self.target(b)
        return -F.cosine_similarity(p, z, dim=-1).mean()

    def step(self, x):
        a, b = augment(x), augment(x)
        loss = 0.5 * (self.one_side(a, b) + self.one_side(b, a))
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.move_target()
        return loss.item()


def features(enc, x):
    enc.eval()
    with torch.no_grad():
        return enc.body(x).numpy()


digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = digits.target
order = torch.randperm(len(X))
train, test = order[:1400], order[1400:]
labelled = train[:200]

byol = BYOL()
for epoch in range(16):
    byol.online.train()
    losses = [byol.step(X[idx]) for idx in train[torch.randperm(len(train))].split(100)]
    if epoch % 4 == 3:
        print("epoch", epoch + 1, "loss %.4f" % np.mean(losses))

clf = LogisticRegression(max_iter=2000)
clf.fit(features(byol.online, X[labelled]), y[labelled.numpy()])
acc = clf.score(features(byol.online, X[test]), y[test.numpy()])
print("linear evaluation accuracy with 200 labels: %.4f" % acc)
