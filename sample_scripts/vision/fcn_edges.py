"""Per-pixel labels of random rectangles, with validation every few iterations."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def scenes(n, seed, size=16):
    g = torch.Generator().manual_seed(seed)
    images = 60 + 20 * torch.randn(n, 1, size, size, generator=g)
    labels = torch.zeros(n, size, size, dtype=torch.long)
    for i in range(n):
        for cls, level in ((1, 60), (2, -45)):
            top, left = torch.randint(0, size - 6, (2,), generator=g).tolist()
            h, w = torch.randint(3, 7, (2,), generator=g).tolist()
            images[i, 0, top:top + h, left:left + w] += level
            labels[i, top:top + h, left:left + w] = cls
    return images, labels


class FCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 12, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(12)
        self.score = nn.Conv2d(12, 3, 1)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(self.norm(x))))
        return self.score(F.relu(self.bn2(self.conv2(x))))


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.train_x, self.train_y = scenes(192, 1)
        self.val_x, self.val_y = scenes(64, 2)
        self.model = FCN()
        self.optim = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.iteration = 0

    def validate(self):
        self.model.eval()
        with torch.no_grad():
            pred = self.model(self.val_x).argmax(1)
        ious = []
        for cls in (1, 2):
            a, b = pred == cls, self.val_y == cls
            ious.append(((a & b).sum() / (a | b).sum().clamp(min=1)).item())
        print(f"iteration {self.iteration}: mean iou {sum(ious) / 2:.3f}")

    def train_epoch(self):
        self.model.train()
        for rows in torch.randperm(192).split(16):
            if self.iteration % 12 == 0:
                self.validate()
            loss = F.cross_entropy(self.model(self.train_x[rows]), self.train_y[rows])
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            self.iteration += 1

    def train(self, epochs):
        for _ in range(epochs):
            self.train_epoch()
        self.validate()


Trainer().train(5)
