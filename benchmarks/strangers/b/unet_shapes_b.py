"""Tiny U-Net, binary segmentation of bright ellipses on noisy 24x24 images."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def render(rng, size=24):
    yy, xx = np.mgrid[:size, :size]
    img = rng.normal(0, 0.25, (size, size))
    mask = np.zeros((size, size), dtype=bool)
    for _ in range(rng.integers(1, 3)):
        cy, cx = rng.uniform(4, size - 4, 2)
        ry, rx = rng.uniform(2, 5, 2)
        mask |= ((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 <= 1
    img[mask] += 1.0
    # a thin bar that does not belong to the foreground
    col = rng.integers(0, size)
    img[:, col] += 0.8
    return img.astype(np.float32), mask.astype(np.float32)


class Compose:
    def __init__(self, ops):
        self.ops = ops

    def __call__(self, x):
        for op in self.ops:
            x = op(x)
        return x


class RandomHorizontalFlip:
    def __call__(self, x):
        return x.flip(-1) if torch.rand(1).item() < 0.5 else x


class RandomRotate90:
    def __call__(self, x):
        return torch.rot90(x, int(torch.randint(0, 4, (1,))), dims=(-2, -1))


class ShapesDataset(Dataset):
    def __init__(self, n, seed, transform=None):
        rng = np.random.default_rng(seed)
        pairs = [render(rng) for _ in range(n)]
        self.images = torch.tensor(np.stack([p[0] for p in pairs])).unsqueeze(1)
        self.masks = torch.tensor(np.stack([p[1] for p in pairs])).unsqueeze(1)
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.transform is not None:
            both = self.transform(torch.stack([image, mask]))
            image, mask = both[0], both[1]
        return image, mask


def double_conv(cin, cout):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(inplace=True),
        nn.Conv2d(cout, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down1 = double_conv(1, width)
        self.down2 = double_conv(width, 2 * width)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge = double_conv(2 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        d1 = self.down1(x)
        d2 = self.down2(self.pool(d1))
        u = torch.cat([self.up(d2), d1], dim=1)
        return self.out(self.merge(u))


def soft_dice(logits, target, eps=1.0):
    prob = torch.sigmoid(logits)
    inter = (prob * target).sum(dim=(1, 2, 3))
    total = prob.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return 1 - ((2 * inter + eps) / (total + eps)).mean()


def mean_iou(model, loader):
    model.eval()
    inter = union = 0.0
    with torch.no_grad():
        for image, mask in loader:
            pred = model(image) > 0
            mask = mask > 0.5
            inter += (pred & mask).sum().item()
            union += (pred | mask).sum().item()
    return inter / max(union, 1.0)


def main(opt):
    torch.manual_seed(opt.seed)
    augment = Compose([RandomHorizontalFlip(), RandomRotate90()])
    train_loader = DataLoader(ShapesDataset(opt.n_train, 1, augment), batch_size=opt.bs, shuffle=True)
    test_loader = DataLoader(ShapesDataset(100, 2), batch_size=50)

    model = UNet()
    bce = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=opt.lr)
    for epoch in range(opt.epochs):
        model.train()
        running = 0.0
        for image, mask in train_loader:
            logits = model(image)
            loss = bce(logits, mask) + soft_dice(logits, mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f'epoch {epoch + 1}/{opt.epochs} loss {running / len(train_loader):.4f} iou {mean_iou(model, test_loader):.4f}')
    print(f'final IoU {mean_iou(model, test_loader):.4f}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--n_train', type=int, default=320)
    parser.add_argument('--bs', type=int, default=16)
    parser.add_argument('--lr', type=float, default=3e-3)
    parser.add_argument('--epochs', type=int, default=5)
    main(parser.parse_args())
