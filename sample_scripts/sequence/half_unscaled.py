import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()

torch.manual_seed(9)


class Sign(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.rnn = nn.RNN(2, width, batch_first=True)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states.mean(1))


def batch(n):
    x = torch.randn(n, 12, 2)
    return x, (x[..., 0].sum(1) > 0).long()


net = Sign()
opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
scaler = torch.amp.GradScaler("cpu")
for step in range(args.steps):
    x, y = batch(48)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(opt)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
    if step % 50 == 49:
        x, y = batch(1000)
        with torch.no_grad():
            print(f"{step + 1}: loss {loss.item():.3f} acc {(net(x).argmax(1) == y).float().mean():.3f}")
