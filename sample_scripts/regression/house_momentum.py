import numpy as np
import torch
import torch.nn as nn


def houses(n, rng):
    area = rng.uniform(30, 200, n)
    rooms = rng.integers(1, 7, n)
    age = rng.uniform(0, 90, n)
    dist = rng.exponential(6, n)
    price = 2.1 * area + 14 * rooms - 0.6 * age - 4.0 * dist + 25 * np.sin(area / 20) + rng.normal(0, 12, n)
    return np.stack([area, rooms, age, dist], 1), price


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1 = nn.Linear(4, 40)
        self.lin2 = nn.Linear(40, 40)
        self.lin3 = nn.Linear(40, 1)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.lin3(self.act(self.lin2(self.act(self.lin1(x))))).squeeze(-1)


def train(model, x, y, cfg):
    opt = torch.optim.SGD(model.parameters(), lr=cfg["lr"], momentum=cfg["momentum"])
    n = len(x)
    for step in range(cfg["steps"]):
        pick = torch.randint(0, n, (cfg["batch_size"],))
        loss = torch.mean((model(x[pick]) - y[pick]) ** 2)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print("step", step, "loss", float(loss))


if __name__ == "__main__":
    cfg = {"lr": 0.005, "momentum": 0.9995, "steps": 400, "batch_size": 64}
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    x, y = houses(1500, rng)
    mu, sd, ym, ys = x.mean(0), x.std(0), y.mean(), y.std()
    tx = torch.tensor((x - mu) / sd, dtype=torch.float32)
    ty = torch.tensor((y - ym) / ys, dtype=torch.float32)
    model = Model()
    train(model, tx[:1200], ty[:1200], cfg)
    with torch.no_grad():
        err = torch.mean((model(tx[1200:]) - ty[1200:]) ** 2)
    print("test mse", float(err))
