import csv
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

HERE = os.path.dirname(os.path.abspath(__file__))


class CreditDataset(Dataset):
    def __init__(self, path):
        self.rows, self.labels = [], []
        with open(path, newline="") as f:
            for rec in csv.reader(f):
                if rec[0] == "age":
                    continue
                self.rows.append([float(v) for v in rec[:-1]])
                self.labels.append(int(rec[-1]))
        self.rows = torch.tensor(self.rows)
        self.labels = torch.tensor(self.labels)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index], self.labels[index]


class ScoreNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 32)
        self.fc2 = nn.Linear(32, 16)
        self.fc3 = nn.Linear(16, 2)

    def forward(self, features):
        h = torch.relu(self.fc1(features))
        h = torch.relu(self.fc2(h))
        return self.fc3(h)


def run_epoch(net, loader, criterion, optimizer=None):
    total, hits = 0.0, 0
    for features, granted in loader:
        scores = net(features)
        loss = criterion(scores, granted)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(granted)
        hits += (scores.argmax(1) == granted).sum().item()
    return total / len(loader.dataset), hits / len(loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(0)
    data = CreditDataset(os.path.join(HERE, "credit.csv"))
    train_loader = DataLoader(Subset(data, range(900)), batch_size=30, shuffle=True)
    test_loader = DataLoader(Subset(data, range(900, 1200)), batch_size=300)
    net = ScoreNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(12):
        net.train()
        train_loss, _ = run_epoch(net, train_loader, criterion, optimizer)
        net.eval()
        with torch.no_grad():
            test_loss, test_acc = run_epoch(net, test_loader, criterion)
        print(f"epoch {epoch + 1}: train {train_loss:.4f} test {test_loss:.4f} accuracy {test_acc:.4f}")
