import copy

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
X = torch.tensor(digits.images / 16.0, dtype=torch.float32)[:, None]
Y = torch.tensor(digits.target)


def net():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 10),
    )


def freeze_bn(m):
    if isinstance(m, nn.BatchNorm2d):
        m.eval()


def loop(model, x, y, lr, epochs, keep_bn=False):
    opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for epoch in range(epochs):
        model.train()
        if keep_bn:
            model.apply(freeze_bn)
        for rows in torch.randperm(len(x)).split(32):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            opt.step()
        print(f"   epoch {epoch} loss {loss.item():.4f}")


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


base = net()
loop(base, X[:900], Y[:900], lr=0.05, epochs=4)
tuned = copy.deepcopy(base)
print("fine-tuning on the negatives")
loop(tuned, 1 - X[900:1400], Y[900:1400], lr=0.02, epochs=6, keep_bn=True)
print(f"negatives accuracy {accuracy(tuned, 1 - X[1400:], Y[1400:]):.4f}")
