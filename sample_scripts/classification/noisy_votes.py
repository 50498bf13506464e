import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


def load(seed=3):
    X, y = make_classification(n_samples=1100, n_features=40, n_informative=6, n_redundant=0,
                               flip_y=0.25, class_sep=1.2, random_state=seed)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    y = torch.tensor(y)
    return train_test_split(X, y, train_size=200, random_state=seed)


class Classifier(nn.Module):
    def __init__(self, d_in, d_hidden):
        super().__init__()
        self.a = nn.Linear(d_in, d_hidden)
        self.b = nn.Linear(d_hidden, 2)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


def validate(net, loader):
    net.eval()
    loss = correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            out = net(x)
            loss += F.cross_entropy(out, y, reduction="sum").item()
            correct += (out.argmax(1) == y).sum().item()
            total += len(y)
    return loss / total, correct / total


def main():
    torch.manual_seed(31)
    x_train, x_val, y_train, y_val = load()
    train = DataLoader(TensorDataset(x_train, y_train), batch_size=20, shuffle=True)
    val = DataLoader(TensorDataset(x_val, y_val), batch_size=300)
    net = Classifier(40, 48)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(60):
        net.train()
        running = 0.0
        for x, y in train:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        val_loss, val_acc = validate(net, val)
        print(f"{epoch + 1:02d} train {running / len(train):.4f} valid accuracy {val_acc:.4f} valid loss {val_loss:.4f}")


if __name__ == "__main__":
    main()
