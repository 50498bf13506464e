import torch
from torch import nn
from sklearn.datasets import make_circles
from torch.utils.data import DataLoader, TensorDataset


class TwoLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 64)
        self.second = nn.Linear(64, 64)
        self.third = nn.Linear(64, 2)

    def forward(self, x):
        x = self.first(x)
        x = self.second(x)
        return self.third(x)


def accuracy(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def main():
    torch.manual_seed(1)
    x, y = make_circles(1000, noise=0.08, factor=0.5, random_state=1)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=40, shuffle=True)
    model = TwoLayer()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for epoch in range(12):
        for xb, yb in loader:
            loss = nn.functional.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "loss", round(loss.item(), 4), "accuracy", accuracy(model, x[800:], y[800:]))


if __name__ == "__main__":
    main()
