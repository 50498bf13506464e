"""Foreground mask of synthetic strands."""
import torch
import torch.nn as nn


def strands(n, size=16):
    x = torch.rand(n, 1, size, size) * 0.4
    mask = torch.zeros(n, size, size)
    for i in range(n):
        for _ in range(2):
            col = int(torch.randint(0, size, ()))
            for row in range(size):
                col = max(0, min(size - 1, col + int(torch.randint(-1, 2, ()))))
                mask[i, row, col] = 1
    x[:, 0] += 0.6 * mask
    return x, mask


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(12, 12, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(12, 2, 1)

    def forward(self, x):
        return self.out(self.mid(self.down(x)))


def dice_loss(pred, mask):
    pred = pred.argmax(1).float()
    pred.requires_grad_()
    inter = (pred * mask).sum((1, 2))
    return 1 - (2 * inter / (pred.sum((1, 2)) + mask.sum((1, 2)) + 1)).mean()


torch.manual_seed(0)
x, mask = strands(160)
net = Segmenter()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(15):
    for i in range(0, 128, 16):
        opt.zero_grad()
        loss = dice_loss(net(x[i:i + 16]), mask[i:i + 16])
        loss.backward()
        opt.step()
    print(epoch, f"dice loss {loss.item():.3f}")
with torch.no_grad():
    found = net(x[128:]).argmax(1)
inter = ((found == 1) & (mask[128:] == 1)).sum().item()
union = ((found == 1) | (mask[128:] == 1)).sum().item()
print(f"iou {inter / union:.3f}")
