from pathlib import Path

import numpy as np
import torch
from torch import nn


def read(name):
    path = Path(__file__).parent / "data" / name
    return np.genfromtxt(path, delimiter=",", skip_header=1, dtype=np.float32)


def main():
    torch.manual_seed(1)
    table = read("rents.csv")
    table = (table - table.mean(0)) / table.std(0)
    x, y = torch.from_numpy(table[:, :4]), torch.from_numpy(table[:, 4:])
    net = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 1))
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for step in range(200):
        i = torch.randint(0, 700, (50,))
        opt.zero_grad()
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        loss.backward()
        opt.step()
        if step % 40 == 0:
            print(step, loss.item())
    print("test mse", nn.functional.mse_loss(net(x[700:]), y[700:]).item())


if __name__ == "__main__":
    main()
