import random

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader


def set_seed(seed=42):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class DigitsDataset(Dataset):
    """8x8 digits, optionally with a one pixel random shift."""

    def __init__(self, images, labels, augment=False):
        self.images = images.astype(np.float32) / 16.0
        self.labels = labels.astype(np.int64)
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        img = self.images[index]
        if self.augment:
            img = np.roll(img, np.random.randint(-1, 2), axis=np.random.randint(0, 2))
        return torch.from_numpy(img.copy()).unsqueeze(0), int(self.labels[index])


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        x = self.pool(torch.relu(self.bn2(self.conv2(x))))
        x = self.dropout(torch.flatten(x, 1))
        return self.fc2(torch.relu(self.fc1(x)))


def load_splits():
    digits = load_digits()
    x_train, y_train = digits.images[:1400], digits.target[:1400]
    x_test, y_test = digits.images[1400:], digits.target[1400:]
    order = np.random.permutation(len(x_train))
    x_train, y_train = x_train[order], y_train[order]
    return x_train, y_train, x_test, y_test


def test(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(dim=1) == y).sum().item()
    return 100.0 * correct / len(loader.dataset)


def main():
    set_seed(42)
    x_train, y_train, x_test, y_test = load_splits()
    train_loader = DataLoader(DigitsDataset(x_train, y_train, augment=True), batch_size=64, shuffle=True)
    test_loader = DataLoader(DigitsDataset(x_test, y_test), batch_size=256)

    model = CNN()
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = optim.Adam(model.parameters(), lr=0.002)

    for epoch in range(1, 16):
        model.train()
        train_loss = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            train_loss += loss.item()
        print("Epoch: {} Loss: {:.4f} Test: {:.2f}%".format(epoch, train_loss / len(train_loader), test(model, test_loader)))

    print("Final test accuracy: {:.2f}".format(test(model, test_loader)))


if __name__ == "__main__":
    main()
