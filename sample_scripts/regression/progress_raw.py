import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch.utils.data import DataLoader, TensorDataset


class Progression(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.a = nn.Linear(10, width)
        self.b = nn.Linear(width, width)
        self.c = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.relu(self.a(x))
        x = torch.relu(self.b(x))
        return self.c(x)


def prepare():
    raw = load_diabetes()
    x = torch.from_numpy(raw.data).float()
    y = torch.from_numpy(raw.target).float()[:, None]
    x = (x - x.mean(0)) / x.std(0)
    return TensorDataset(x[:350], y[:350]), x[350:], y[350:]


def train(model, dataset, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for epoch in range(epochs):
        for x, y in DataLoader(dataset, batch_size=16, shuffle=True):
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "loss", loss.item())


torch.manual_seed(14)
dataset, x_val, y_val = prepare()
model = Progression()
train(model, dataset, 20)
with torch.no_grad():
    error = F.mse_loss(model(x_val), y_val)
print("val r2", (1 - error / y_val.var()).item())
