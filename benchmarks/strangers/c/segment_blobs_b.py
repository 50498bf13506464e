# small U-shaped net on synthetic cell images
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

SIZE = 24
ACCUM_STEPS = 3
BATCH = 16
EPOCHS = 8


def draw(n, seed):
    g = np.random.RandomState(seed)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    imgs, masks = [], []
    for _ in range(n):
        m = np.zeros((SIZE, SIZE), bool)
        for _ in range(g.randint(1, 4)):
            cy, cx, r = g.randint(4, SIZE - 4), g.randint(4, SIZE - 4), g.randint(2, 5)
            m |= (yy - cy) ** 2 + (xx - cx) ** 2 <= r * r
        img = g.normal(0, 0.5, (SIZE, SIZE)) + m * g.uniform(0.8, 1.4)
        imgs.append(img)
        masks.append(m)
    return (torch.tensor(np.stack(imgs), dtype=torch.float32)[:, None],
            torch.tensor(np.stack(masks), dtype=torch.float32)[:, None])


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class MiniUNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.d1 = block(1, c)
        self.d2 = block(c, 2 * c)
        self.mid = block(2 * c, 2 * c)
        self.u1 = block(4 * c, c)
        self.out = nn.Conv2d(2 * c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(b)
        u = F.interpolate(self.u1(torch.cat([b, m], 1)), scale_factor=2, mode="nearest")
        return self.out(torch.cat([a, u], 1))


def dice_loss(logits, target, eps=1.0):
    p = logits.sigmoid().flatten(1)
    t = target.flatten(1)
    return (1 - (2 * (p * t).sum(1) + eps) / (p.sum(1) + t.sum(1) + eps)).mean()


def criterion(logits, target):
    return F.binary_cross_entropy_with_logits(logits, target) + dice_loss(logits, target)


def iou(model, loader):
    model.eval()
    inter = union = 0
    with torch.no_grad():
        for x, y in loader:
            p = model(x) > 0
            inter += (p & y.bool()).sum().item()
            union += (p | y.bool()).sum().item()
    return inter / max(union, 1)


def train_epoch(model, loader, optimizer):
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        (loss / ACCUM_STEPS).backward()
        total += loss.item()
        if (i + 1) % ACCUM_STEPS == 0:
            optimizer.step()
            optimizer.zero_grad()
    return total / len(loader)


def main():
    torch.manual_seed(3)
    tr = DataLoader(TensorDataset(*draw(240, 0)), batch_size=BATCH, shuffle=True)
    va = DataLoader(TensorDataset(*draw(80, 1)), batch_size=40)
    model = MiniUNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for ep in range(EPOCHS):
        l = train_epoch(model, tr, optimizer)
        print("epoch %d loss %.4f" % (ep, l))
    print("val IoU %.4f" % iou(model, va))


if __name__ == "__main__":
    main()
