import argparse
import math

import torch
from torch import nn

parser = argparse.ArgumentParser(description="next value of a noisy sine")
parser.add_argument("--lr", type=float, default=0.03)
parser.add_argument("--hidden", type=int, default=24)
parser.add_argument("--steps", type=int, default=250)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()

torch.manual_seed(args.seed)


class Predictor(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, seq):
        out, _ = self.gru(seq)
        return self.head(out)


def sample_batch(size=32, length=20):
    phase = torch.rand(size, 1) * 2 * math.pi
    freq = 0.3 + 0.3 * torch.rand(size, 1)
    t = torch.arange(length + 1).float()
    wave = torch.sin(phase + freq * t) + 0.02 * torch.randn(size, length + 1)
    return wave[:, :-1, None], wave[:, 1:, None]


model = Predictor(args.hidden)
opt = torch.optim.Adam(model.parameters(), lr=args.lr)
mse = nn.MSELoss()

for step in range(1, args.steps + 1):
    x, target = sample_batch()
    opt.zero_grad()
    loss = mse(model(x), target)
    loss.backward()
    opt.step()
    if step % 25 == 0:
        print(f"step {step} loss {loss.item():.5f}")

with torch.no_grad():
    x, target = sample_batch(256)
    print(f"final mse {mse(model(x), target).item():.5f}")
