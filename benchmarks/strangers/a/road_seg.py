import numpy as np, torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class RoadTiles(Dataset):
    def __init__(self, n, seed, size=24):
        r = np.random.RandomState(seed)
        self.img = np.zeros((n, 3, size, size), dtype=np.uint8)
        self.mask = np.zeros((n, size, size), dtype=np.uint8)
        xs = np.arange(size)
        for k in range(n):
            ground = np.array([70, 110, 60]) + r.randint(-25, 25, 3)
            im = np.ones((3, size, size)) * ground[:, None, None]
            # houses, as grey as the road
            for _ in range(2):
                a, b = r.randint(0, size - 5, 2)
                im[:, a:a + 4, b:b + 4] = 128
            slope, off = r.uniform(-0.6, 0.6), r.uniform(6, 18)
            m = np.abs(xs[:, None] - (off + slope * (xs[None, :] - size / 2))) < 2
            if r.rand() < 0.5:
                m = m.T
            im[:, m] = 128
            im += r.normal(0, 14, im.shape)
            self.img[k] = np.clip(im, 0, 255)
            self.mask[k] = m

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return torch.from_numpy(self.img[i]).float(), torch.from_numpy(self.mask[i]).float()


class SegNet(nn.Sequential):
    def __init__(self, w=12):
        super().__init__(
            nn.BatchNorm2d(3),
            nn.Conv2d(3, w, 3, padding=1), nn.LeakyReLU(0.1),
            nn.Conv2d(w, w, 3, padding=2, dilation=2), nn.BatchNorm2d(w), nn.LeakyReLU(0.1),
            nn.Conv2d(w, w, 3, padding=4, dilation=4), nn.BatchNorm2d(w), nn.LeakyReLU(0.1),
            nn.Conv2d(w, w, 3, padding=2, dilation=2), nn.LeakyReLU(0.1),
            nn.Conv2d(w, 1, 1),
        )

    def forward(self, x):
        return super().forward(x).squeeze(1)


def soft_dice(logits, target):
    p = logits.sigmoid()
    inter = (p * target).sum((1, 2))
    return ((2 * inter + 1) / (p.sum((1, 2)) + target.sum((1, 2)) + 1)).mean()


def main():
    torch.manual_seed(0)
    train_loader = DataLoader(RoadTiles(400, 1), batch_size=20, shuffle=True, num_workers=0)
    val = RoadTiles(100, 2)
    vx = torch.stack([val[i][0] for i in range(len(val))])
    vm = torch.stack([val[i][1] for i in range(len(val))])
    net = SegNet()
    opt = torch.optim.RMSprop(net.parameters(), lr=4e-3, momentum=0.0)
    sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=60, T_mult=2)
    bce = nn.BCEWithLogitsLoss()
    for epoch in range(21):
        net.train()
        tot = 0.0
        for img, mask in train_loader:
            out = net(img)
            loss = 0.3 * bce(out, mask) - soft_dice(out, mask)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            tot += loss.item()
        net.eval()
        with torch.no_grad():
            pred = net(vx) > 0
        iou = (pred & (vm > 0)).sum() / (pred | (vm > 0)).sum()
        print(f"epoch {epoch + 1:2d} loss {tot / len(train_loader):+.4f} val IoU {iou:.4f}")
    print(f"IoU {iou:.4f}")


if __name__ == '__main__':
    main()
