import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class DelayNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.GRU(2, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.fc(h).squeeze(-1)


def make_batch(n, length, gen):
    signal = torch.randn(n, length, generator=gen)
    gate = (torch.rand(n, length, generator=gen) < 0.3).float()
    target = torch.zeros(n, length)
    held = torch.zeros(n)
    for t in range(length):
        held = torch.where(gate[:, t] > 0, signal[:, t], held)
        target[:, t] = held
    return torch.stack([signal, gate], -1), target


def run_epoch(net, opt, batches):
    net.train()
    losses = []
    for x, y in batches:
        opt.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        losses.append(loss.item())
    opt.step()
    return sum(losses) / len(losses)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--hidden", type=int, default=24)
    p.add_argument("--epochs", type=int, default=15)
    p.add_argument("--lr", type=float, default=0.01)
    args = p.parse_args()

    torch.manual_seed(3)
    gen = torch.Generator().manual_seed(3)
    batches = [make_batch(32, 15, gen) for _ in range(20)]
    held_x, held_y = make_batch(200, 15, gen)
    net = DelayNet(args.hidden)
    opt = torch.optim.RMSprop(net.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        print(f"{epoch:2d} train {run_epoch(net, opt, batches):.4f}")
    net.eval()
    with torch.no_grad():
        print(f"held-out mse {F.mse_loss(net(held_x), held_y):.4f}")


if __name__ == "__main__":
    main()
