import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


class DigitNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=3)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=3)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(80, 40)
        self.fc2 = nn.Linear(40, num_classes)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def loaders(batch_size=48):
    digits = load_digits()
    images = (digits.images / 16.0 - 0.305) / 0.376
    parts = train_test_split(images, digits.target, test_size=0.2, random_state=1, stratify=digits.target)
    x_train, x_test = (torch.tensor(p, dtype=torch.float32).unsqueeze(1) for p in parts[:2])
    y_train, y_test = (torch.tensor(p) for p in parts[2:])
    return (DataLoader(TensorDataset(x_train, y_train), batch_size=batch_size, shuffle=True),
            DataLoader(TensorDataset(x_test, y_test), batch_size=360))


def main():
    torch.manual_seed(7)
    train_loader, test_loader = loaders()
    model = DigitNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.8)
    for epoch in range(1, 9):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            outputs = model(images)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            correct = sum((model(i).argmax(1) == l).sum().item() for i, l in test_loader)
        print(f"Epoch {epoch}: last batch loss {loss.item():.4f}, accuracy {correct / 360:.3f}")


if __name__ == "__main__":
    main()
