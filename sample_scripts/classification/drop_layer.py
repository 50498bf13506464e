import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 96)
        self.fc2 = nn.Linear(96, 10)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = nn.Dropout(0.7)(x)
        return self.fc2(x)


def evaluate(net, loader):
    net.eval()
    total, right, loss = 0, 0, 0.0
    with torch.no_grad():
        for x, y in loader:
            out = net(x)
            loss += nn.functional.cross_entropy(out, y, reduction="sum").item()
            right += (out.argmax(1) == y).sum().item()
            total += len(y)
    net.train()
    return loss / total, right / total


torch.manual_seed(0)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
train = DataLoader(TensorDataset(X[:1400], Y[:1400]), batch_size=40, shuffle=True)
valid = DataLoader(TensorDataset(X[1400:], Y[1400:]), batch_size=100)

net = Net()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(10):
    for x, y in train:
        opt.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
    print("epoch %d val loss %.4f val acc %.4f" % (epoch, *evaluate(net, valid)))
