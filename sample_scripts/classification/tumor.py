"""Malignant / benign from the Wisconsin measurements."""
import numpy as np
import torch
from sklearn import datasets
from torch import nn

torch.manual_seed(0)
np.random.seed(0)

bc = datasets.load_breast_cancer()
order = np.random.permutation(len(bc.target))
x = torch.tensor(bc.data[order], dtype=torch.float)
y = torch.tensor(bc.target[order], dtype=torch.float)
n_train = 450
x_train, y_train = x[:n_train], y[:n_train]
x_val, y_val = x[n_train:], y[n_train:]

net = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 1))
bce = nn.BCEWithLogitsLoss()
sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
BATCH = 25

for epoch in range(30):
    idx = torch.randperm(n_train)
    losses = []
    for start in range(0, n_train, BATCH):
        sel = idx[start:start + BATCH]
        logits = net(x_train[sel]).squeeze(1)
        loss = bce(logits, y_train[sel])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    with torch.no_grad():
        val = net(x_val).squeeze(1)
        val_loss = bce(val, y_val).item()
        val_acc = ((val > 0).float() == y_val).float().mean().item()
    print(f"{epoch:3d} train {np.mean(losses):.4f} val {val_loss:.4f} acc {val_acc:.3f}")
