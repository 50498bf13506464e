"""Learn 16-bit codes of 8x8 digits with an autoencoder."""
from dataclasses import dataclass, field
import torch
from torch import nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split


@dataclass
class Settings:
    bits: int = 16
    widths: list = field(default_factory=lambda: [64, 96])
    epochs: int = 30
    batch_size: int = 64
    lr: float = 3e-3
    seed: int = 31


def mlp(sizes):
    mods = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        mods += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*mods[:-1])


class Binarizer(nn.Module):
    def forward(self, z):
        p = torch.sigmoid(z)
        return p + ((p > 0.5).to(p.dtype) - p).detach()


class CodeAE(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.enc = mlp(s.widths + [s.bits])
        self.bin = Binarizer()
        self.dec = mlp([s.bits] + s.widths[::-1])

    def code(self, x):
        return self.bin(self.enc(x))

    def forward(self, x):
        return self.dec(self.code(x))


class Runner:
    def __init__(self, s):
        self.s = s
        torch.manual_seed(s.seed)
        x = torch.tensor(load_digits().data / 16.0).float()
        a, b = random_split(TensorDataset(x), [1437, 360], generator=torch.Generator().manual_seed(0))
        self.train_dl = DataLoader(a, s.batch_size, shuffle=True, drop_last=True)
        self.test_x = torch.stack([b[i][0] for i in range(len(b))])
        self.model = CodeAE(s)
        self.opt = torch.optim.Adam(self.model.parameters(), lr=s.lr)

    def epoch(self):
        self.model.train()
        tot = 0.0
        for (x,) in self.train_dl:
            loss = ((self.model(x) - x) ** 2).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            tot += loss.item()
        return tot / len(self.train_dl)

    @torch.no_grad()
    def report(self):
        self.model.eval()
        mse = ((self.model(self.test_x) - self.test_x) ** 2).mean().item()
        used = self.model.code(self.test_x).mean(0)
        return mse, ((used > 0.05) & (used < 0.95)).sum().item()

    def run(self):
        for e in range(self.s.epochs):
            l = self.epoch()
            if e % 6 == 5:
                mse, bits = self.report()
                print(f"epoch {e} train {l:.5f} test_mse {mse:.5f} active_bits {bits}")


if __name__ == "__main__":
    Runner(Settings()).run()
