"""Toy segmentation: find the bright blob."""
import torch
import torch.nn as nn


def make_images(n, size=16, seed=0):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    cy = torch.randint(3, size - 3, (n, 1, 1), generator=g)
    cx = torch.randint(3, size - 3, (n, 1, 1), generator=g)
    r = torch.randint(2, 5, (n, 1, 1), generator=g)
    mask = (((yy - cy) ** 2 + (xx - cx) ** 2) <= r ** 2).float()
    img = mask + 0.6 * torch.randn(n, size, size, generator=g)
    return img[:, None], mask[:, None]


class SegNet(nn.Module):
    def __init__(self, ch=8):
        super().__init__()
        self.down = nn.Conv2d(1, ch, 3, padding=1)
        self.mid = nn.Conv2d(ch, ch, 3, padding=2, dilation=2)
        self.up = nn.Conv2d(ch, 1, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.down(x))
        x = torch.relu(self.mid(x))
        return self.up(x)


def iou(logits, mask):
    p = logits > 0
    m = mask > 0.5
    return ((p & m).sum() / (p | m).sum()).item()


def main():
    torch.manual_seed(0)
    images, masks = make_images(512)
    val_images, val_masks = make_images(128, seed=1)
    model = SegNet()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(10):
        perm = torch.randperm(512)
        for i in range(0, 512, 32):
            sel = perm[i:i + 32]
            pred = model(images[sel])
            loss = criterion(pred, masks[sel])
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
        with torch.no_grad():
            print(f"epoch {epoch} loss {loss.item():.4f} val iou {iou(model(val_images), val_masks):.4f}")


if __name__ == "__main__":
    main()
