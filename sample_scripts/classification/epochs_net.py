import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split


def build():
    net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    return net, optim.SGD(net.parameters(), lr=0.2)


def train(net, opt, loader):
    net.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
    return loss.item()


def test(net, loader):
    net.eval()
    right = 0
    with torch.no_grad():
        for xb, yb in loader:
            right += (net(xb).argmax(1) == yb).sum().item()
    return right / len(loader.dataset)


torch.manual_seed(2)
X, Y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32), torch.tensor(Y))
train_set, test_set = random_split(data, [1437, 360])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=360)

for epoch in range(10):
    net, opt = build()
    loss = train(net, opt, train_loader)
    print(f"epoch {epoch}  loss {loss:.4f}  acc {test(net, test_loader):.4f}")
