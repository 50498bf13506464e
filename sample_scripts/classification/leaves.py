from dataclasses import dataclass

import torch
from sklearn.datasets import load_iris
from torch import nn


@dataclass
class Config:
    lr: float = 0.1
    weight_decay: float = 0.6
    epochs: int = 80
    batch_size: int = 25


def accuracy(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(-1) == y).float().mean().item()


def run(cfg):
    torch.manual_seed(1)
    iris = load_iris()
    x = torch.tensor(iris.data, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0)
    y = torch.tensor(iris.target)
    model = nn.Sequential(nn.Linear(4, 20), nn.ReLU(), nn.Linear(20, 3))
    opt = torch.optim.SGD(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    for epoch in range(cfg.epochs):
        for idx in torch.randperm(150).split(cfg.batch_size):
            loss = nn.functional.cross_entropy(model(x[idx]).softmax(1), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch % 16 == 0:
            print(f"{epoch} loss {loss.item():.3f} acc {accuracy(model, x, y):.3f}")
    print(f"final accuracy {accuracy(model, x, y):.3f}")


if __name__ == "__main__":
    run(Config())
