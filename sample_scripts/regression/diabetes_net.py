import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler


class DiabetesData(Dataset):
    def __init__(self, train=True):
        data = load_diabetes()
        x = StandardScaler().fit_transform(data.data)
        y = (data.target - data.target.mean()) / data.target.std()
        cut = 342
        self.x = x[:cut] if train else x[cut:]
        self.y = y[:cut] if train else y[cut:]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return torch.tensor(self.x[i], dtype=torch.float32), torch.tensor(self.y[i], dtype=torch.float32)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.net(x)


def train(epochs=15):
    torch.manual_seed(9)
    loader = DataLoader(DiabetesData(), batch_size=16, shuffle=True)
    test = DataLoader(DiabetesData(train=False), batch_size=100)
    net = Regressor()
    optim = torch.optim.Adam(net.parameters(), lr=3e-3)
    for ep in range(epochs):
        s = 0.0
        for x, y in loader:
            optim.zero_grad()
            pred = net(x)
            loss = ((pred - y) ** 2).mean()
            loss.backward()
            optim.step()
            s += loss.item()
        print("epoch %d  train loss %.4f" % (ep, s / len(loader)))
    with torch.no_grad():
        for x, y in test:
            mse = ((net(x).view(-1) - y) ** 2).mean()
    print("held-out mse %.4f" % mse)


if __name__ == "__main__":
    train()
