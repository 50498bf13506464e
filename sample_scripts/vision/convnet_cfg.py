import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, random_split

CONFIG = {
    "seed": 21,
    "batch_size": 32,
    "epochs": 6,
    "lr": 0.04,
    "momentum": 0.9,
    "channels": (12, 24),
}


class DigitImages(Dataset):
    def __init__(self):
        bunch = load_digits()
        self.images = (bunch.images.astype(np.float32) / 16.0 - 0.5) / 0.5
        self.labels = bunch.target

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return torch.from_numpy(self.images[idx]).unsqueeze(0), int(self.labels[idx])


class SmallCNN(nn.Module):
    def __init__(self, channels):
        super().__init__()
        c1, c2 = channels
        self.features = nn.Sequential(
            nn.Conv2d(1, c1, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(c1, c2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(c2 * 4, 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Runner:
    def __init__(self, config):
        self.config = config
        torch.manual_seed(config["seed"])
        train, test = random_split(DigitImages(), [1500, 297])
        self.train_loader = DataLoader(train, config["batch_size"], shuffle=True)
        self.test_loader = DataLoader(test, 297)
        self.model = SmallCNN(config["channels"])
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=config["lr"], momentum=config["momentum"], nesterov=True
        )

    def train_epoch(self):
        self.model.train()
        total = 0.0
        for images, labels in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(images), labels)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(self.train_loader)

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        hits = n = 0
        for images, labels in self.test_loader:
            hits += (self.model(images).argmax(1) == labels).sum().item()
            n += len(labels)
        return hits / n

    def fit(self):
        for epoch in range(self.config["epochs"]):
            loss = self.train_epoch()
            print(f"[{epoch}] train loss {loss:.4f} | test accuracy {self.evaluate():.4f}")


if __name__ == "__main__":
    Runner(CONFIG).fit()
