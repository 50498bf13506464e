# Small U-Net, finds round blobs in noisy 32x32 pictures
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def make_images(n, size=32):
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    imgs = torch.zeros(n, 1, size, size)
    masks = torch.zeros(n, 1, size, size)
    for i in range(n):
        for _ in range(int(torch.randint(1, 4, (1,)))):
            cx, cy = torch.randint(5, size - 5, (2,))
            r = torch.randint(3, 7, (1,))
            d = ((xx - cx) ** 2 + (yy - cy) ** 2) < r ** 2
            masks[i, 0][d] = 1.0
        # stripes of the same brightness as distractors
        stripe = int(torch.randint(0, size - 2, (1,)))
        imgs[i, 0, stripe:stripe + 2] += 1.0
    imgs = torch.clamp(imgs + masks, 0, 1) + 0.4 * torch.randn_like(imgs)
    return imgs, masks


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.e1 = conv(1, c)
        self.e2 = conv(c, 2 * c)
        self.mid = conv(2 * c, 4 * c)
        self.u2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, stride=2)
        self.d2 = conv(4 * c, 2 * c)
        self.u1 = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.d1 = conv(2 * c, c)
        self.head = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.d2(torch.cat([self.u2(m), b], 1))
        a = self.d1(torch.cat([self.u1(b), a], 1))
        return self.head(a)


def iou(net, x, m):
    net.eval()
    with torch.no_grad():
        p = net(x) > 0
    t = m > 0.5
    return ((p & t).sum().float() / (p | t).sum().float()).item()


xtr, mtr = make_images(320)
xva, mva = make_images(100)

net = UNet()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=5, gamma=0.3)

for epoch in range(12):
    net.train()
    for idx in torch.randperm(len(xtr)).split(16):
        opt.zero_grad()
        loss = F.binary_cross_entropy_with_logits(net(xtr[idx]), mtr[idx])
        loss.backward()
        opt.step()
    sched.step()
    print(f"epoch {epoch:2d} loss {loss.item():.4f} val IoU {iou(net, xva, mva):.4f}")

print(f"IoU {iou(net, xva, mva):.4f}")
