import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau


class Rings(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, width), nn.Tanh(),
            nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 2),
        )

    def forward(self, x):
        return self.layers(x)


def dataset(n, rng_seed):
    x, y = make_moons(n, noise=0.12, random_state=rng_seed)
    angle = 5.0 * np.linalg.norm(x - x.mean(0), axis=1) / 2
    rot = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    x = np.einsum("nij,nj->ni", rot, x - x.mean(0)) / 0.7
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train(model, data, valid, *, epochs=80, lr=0.05, batch=50):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    scheduler = ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=6, min_lr=1e-6)
    criterion = nn.CrossEntropyLoss()
    x, y = data
    log = []
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(x))
        running = 0.0
        for k in range(0, len(x), batch):
            idx = order[k:k + batch]
            optimizer.zero_grad()
            loss = criterion(model(x[idx]), y[idx])
            loss.backward()
            optimizer.step()
            running += loss.item() * len(idx)
        score = accuracy(model, *valid)
        scheduler.step(score)
        log.append((running / len(x), score, optimizer.param_groups[0]["lr"]))
        if (epoch + 1) % 10 == 0:
            print("epoch {:3d}  loss {:.4f}  valid acc {:.4f}  lr {:.2e}".format(epoch + 1, *log[-1]))
    return log


def main():
    torch.manual_seed(27)
    tr = dataset(800, 0)
    va = dataset(300, 1)
    model = Rings()
    log = train(model, tr, va)
    print("final loss {:.4f}, final accuracy {:.4f}".format(log[-1][0], log[-1][1]))


if __name__ == "__main__":
    main()
