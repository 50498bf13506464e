import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)


class WineNet(nn.Module):
    def __init__(self, n_in=13, n_hidden=32, n_out=3):
        super().__init__()
        self.l1 = nn.Linear(n_in, n_hidden)
        self.l2 = nn.Linear(n_hidden, n_hidden)
        self.l3 = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        x = F.relu(self.l1(x))
        x = F.relu(self.l2(x))
        return self.l3(x)


def get_data():
    X, y = load_wine(return_X_y=True)
    Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, random_state=2, stratify=y)
    as_tensor = lambda X, y: TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))
    return as_tensor(Xtr, ytr), as_tensor(Xte, yte)


def main():
    train, test = get_data()
    loader = DataLoader(train, batch_size=16, shuffle=True)
    model = WineNet()
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(40):
        total = 0
        for x, y in loader:
            opt.zero_grad()
            out = model(x)
            loss = F.cross_entropy(out, y)
            loss.backward()
            opt.step()
            total += loss.item() * len(x)
        if epoch % 4 == 0:
            print(f"epoch {epoch}: loss {total / len(train):.4f}")
    x, y = test.tensors
    with torch.no_grad():
        pred = model(x).argmax(1)
    print(f"test accuracy {(pred == y).float().mean():.3f}")


if __name__ == "__main__":
    main()
