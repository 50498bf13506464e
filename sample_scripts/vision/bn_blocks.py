import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits


def conv_bn(a, b, stride=1):
    return nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b, momentum=0.01), nn.ReLU(inplace=True))


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(conv_bn(1, width), conv_bn(width, width, 2), conv_bn(width, 2 * width), conv_bn(2 * width, 2 * width, 2))
        self.fc = nn.Linear(2 * width, 10)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3)))


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
    return loss, (logits.argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=12)
    parser.add_argument("--batch", type=int, default=100)
    args = parser.parse_args()
    torch.manual_seed(0)
    d = load_digits()
    x, y = torch.tensor(d.images, dtype=torch.float32)[:, None], torch.tensor(d.target)
    model = Net(args.width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(6):
        model.train()
        for rows in torch.randperm(1500).split(args.batch):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch %d train loss %.3f val loss %.3f accuracy %.3f" % (epoch, loss.item(), *evaluate(model, x[1500:], y[1500:])))
