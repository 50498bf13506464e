import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class StrideNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 8, 3, padding=1)
        self.c2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.c3 = nn.Conv2d(16, 16, 3, stride=2, padding=1)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        x = F.relu(self.c3(x))
        return self.fc(x.flatten(1))


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def main():
    np.random.seed(0)
    torch.manual_seed(0)
    d = load_digits()
    x = torch.tensor((d.images - d.images.mean()) / d.images.std(), dtype=torch.float32)[:, None]
    y = torch.tensor(d.target)
    split = np.random.permutation(len(y))
    tr, va = split[:1440], split[1440:]
    model = StrideNet()
    opt = torch.optim.SGD(model.parameters(), lr=0.025, momentum=0.9)
    sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, "max", factor=0.1, patience=1)
    best = 0.0
    for epoch in range(12):
        model.train()
        np.random.shuffle(tr)
        total = 0.0
        for i in range(0, len(tr), 60):
            xb, yb = x[tr[i:i + 60]], y[tr[i:i + 60]]
            opt.zero_grad()
            loss = F.cross_entropy(model(xb), yb)
            loss.backward()
            opt.step()
            total += loss.item()
        acc = accuracy(model, x[va], y[va])
        best = max(best, acc)
        sched.step(acc)
        print("epoch %2d  lr %.6f  train loss %.4f  val acc %.4f" % (epoch, opt.param_groups[0]["lr"], total / 24, acc))
    print("best val acc %.4f" % best)


if __name__ == "__main__":
    main()
