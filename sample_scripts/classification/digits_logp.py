import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(64, 48)
        self.fc2 = nn.Linear(48, 10)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


def run(epochs=6, batch_size=10):
    torch.manual_seed(11)
    digits = load_digits()
    x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
    y = torch.tensor(digits.target)
    train, test = random_split(TensorDataset(x, y), [1500, len(x) - 1500])
    loader = DataLoader(train, batch_size=batch_size, shuffle=True)
    test_x = torch.stack([s[0] for s in test])
    test_y = torch.stack([s[1] for s in test])
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for epoch in range(1, epochs + 1):
        running = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = F.nll_loss(net(inputs), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        with torch.no_grad():
            held = F.nll_loss(net(test_x), test_y)
        print(f"[{epoch}] train: {running / len(loader):.3f} test nll: {held:.3f}")


if __name__ == "__main__":
    run()
