import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def blobs(n, size=16, seed=0):
    """Noisy images with one bright disc on a ramp, mask = disc."""
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    c = torch.rand(n, 2, generator=g) * (size - 8) + 4
    r = torch.rand(n, generator=g) * 2 + 2
    d2 = (yy[None] - c[:, 0, None, None]) ** 2 + (xx[None] - c[:, 1, None, None]) ** 2
    mask = (d2 < r[:, None, None] ** 2).float()
    ramp = (xx / size)[None] * (torch.rand(n, 1, 1, generator=g) * 2 - 1)
    img = 0.9 * mask + ramp + 0.6 * torch.randn(n, size, size, generator=g)
    img = (img - img.mean()) / img.std()
    return img[:, None], mask[:, None]


class MiniUNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1 = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1), nn.ReLU())
        self.d2 = nn.Sequential(nn.Conv2d(c, 2 * c, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * c, 2 * c, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.fuse = nn.Sequential(nn.Conv2d(2 * c, c, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        u = self.up(b)
        return self.out(self.fuse(torch.cat([a, u], 1)))


def soft_dice(logit, mask):
    p = torch.sigmoid(logit)
    inter = (p * mask).sum((1, 2, 3))
    return 1 - (2 * inter + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)


def iou(logit, mask):
    p = logit > 0
    m = mask > 0.5
    return ((p & m).sum((1, 2, 3)) / (p | m).sum((1, 2, 3)).clamp(min=1)).mean().item()


class SegTrainer:
    def __init__(self, model, lr=0.1):
        self.model = model
        self.opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.sched = torch.optim.lr_scheduler.StepLR(self.opt, step_size=4, gamma=0.3)

    def update(self, x, m):
        logit = self.model(x)
        loss = F.binary_cross_entropy_with_logits(logit, m) + soft_dice(logit, m).mean()
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.sched.step()
        return loss.item()

    def fit(self, loader, val, epochs):
        for e in range(epochs):
            self.model.train()
            tot = sum(self.update(x, m) for x, m in loader) / len(loader)
            self.finish_epoch(e, tot, val)

    def finish_epoch(self, e, tot, val):
        self.model.eval()
        with torch.no_grad():
            score = iou(self.model(val[0]), val[1])
        print(f"epoch {e} loss {tot:.4f} val iou {score:.4f}")


if __name__ == "__main__":
    torch.manual_seed(19)
    train = DataLoader(TensorDataset(*blobs(600, seed=1)), batch_size=24, shuffle=True)
    SegTrainer(MiniUNet()).fit(train, blobs(150, seed=2), 9)
