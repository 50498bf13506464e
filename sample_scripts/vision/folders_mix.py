import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class FolderLike(Dataset):
    """Pictures listed directory by directory, one directory for each class."""

    def __init__(self, images, labels):
        self.files = [(images[i], int(c)) for c in range(10) for i in np.flatnonzero(labels == c)]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        image, label = self.files[i]
        return torch.tensor(image / 16.0 - 0.5, dtype=torch.float32).unsqueeze(0), label


digits = load_digits()
picks = np.random.RandomState(0).permutation(len(digits.target))
train = FolderLike(digits.images[picks[:1400]], digits.target[picks[:1400]])
valid = FolderLike(digits.images[picks[1400:]], digits.target[picks[1400:]])

torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)
)
train_loader = DataLoader(train, batch_size=28, shuffle=True)
valid_loader = DataLoader(valid, batch_size=100)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

for epoch in range(8):
    net.train()
    for x, y in train_loader:
        loss = loss_fn(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        good = sum((net(x).argmax(1) == y).sum().item() for x, y in valid_loader)
    print(f"epoch {epoch} last batch {loss.item():.4f} val acc {good / len(valid):.3f}")
