import torch
import torch.nn as nn
from torch.optim.lr_scheduler import StepLR


def phantoms(n, seed):
    g = torch.Generator().manual_seed(seed)
    mask = torch.zeros(n, 1, 16, 16)
    for i in range(n):
        top, left = torch.randint(1, 9, (2,), generator=g).tolist()
        mask[i, 0, top:top + 6, left:left + 6] = 1
    return mask * 0.7 + 0.5 * torch.randn(n, 1, 16, 16, generator=g), mask


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 1, 1),
        )

    def forward(self, x):
        return self.conv(x)


def train(model, images, masks, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=3, gamma=0.3)
    criterion = nn.BCEWithLogitsLoss()
    for epoch in range(epochs):
        model.train()
        for idx in torch.randperm(len(images)).split(16):
            loss = criterion(model(images[idx]), masks[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        print(f"epoch {epoch}: train loss {loss.item():.4f}")


torch.manual_seed(0)
images, masks = phantoms(320, 1)
test_images, test_masks = phantoms(80, 2)
model = Net()
train(model, images, masks, epochs=8)
model.eval()
with torch.no_grad():
    guess = model(test_images) > 0
    iou = (guess & (test_masks > 0)).sum() / (guess | (test_masks > 0)).sum()
print(f"iou {iou.item():.4f}")
