import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class Cells(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[:16, :16]
        self.items = []
        for _ in range(n):
            cy, cx, r = rng.uniform(4, 12), rng.uniform(4, 12), rng.uniform(2, 4)
            inside = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
            picture = inside * 0.8 + rng.normal(0, 0.4, (16, 16))
            self.items.append((picture.astype("float32"), (inside * 255).astype("uint8")))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        picture, mask = self.items[i]
        return torch.from_numpy(picture)[None], torch.from_numpy(mask)[None].float() / 255


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU())
        self.deep = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU())
        self.up = nn.Upsample(scale_factor=2)
        self.out = nn.Conv2d(24, 1, 3, padding=1)

    def forward(self, x):
        a = self.down(x)
        b = self.up(self.deep(a))
        return self.out(torch.cat([a, b], dim=1))


def main():
    torch.manual_seed(0)
    net = TinyUNet()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3, momentum=0.9)
    train = DataLoader(Cells(400, 0), batch_size=10, shuffle=True)
    test = DataLoader(Cells(100, 1), batch_size=50)
    for epoch in range(3):
        for picture, mask in train:
            loss = criterion(net(picture), mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        overlap = union = 0
        with torch.no_grad():
            for picture, mask in test:
                guess, true = net(picture) > 0, mask > 0
                overlap += (guess & true).sum().item()
                union += (guess | true).sum().item()
        print(f"epoch {epoch} loss {loss.item():.3f} iou {overlap / union:.3f}")


if __name__ == "__main__":
    main()
