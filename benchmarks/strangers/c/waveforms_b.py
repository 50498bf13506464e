"""
Classify which waveform a noisy 1-D signal contains. Memory is tight on the lab box,
so we use micro batches of 8 and update every 16 of them.
"""
import torch
from torch import nn

N_CLASSES = 4
LENGTH = 64


def generate(n, gen):
    y = torch.randint(0, N_CLASSES, (n,), generator=gen)
    t = torch.linspace(0, 1, LENGTH)
    f = 2 + 2 * torch.rand(n, 1, generator=gen)
    ph = 6.28 * torch.rand(n, 1, generator=gen)
    arg = 6.28 * f * t + ph
    waves = torch.stack([arg.sin(), arg.sin().sign(), 2 * (arg / 6.28 % 1) - 1,
                         2 * (2 * (arg / 6.28 % 1) - 1).abs() - 1], 1)
    x = waves[torch.arange(n), y] + 0.15 * torch.randn(n, LENGTH, generator=gen)
    return x.unsqueeze(1), y


class WaveNet(nn.Sequential):
    def __init__(self, width=16):
        super().__init__(
            nn.Conv1d(1, width, 7, padding=3), nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(width, width, 5, padding=2), nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(width, 2 * width, 5, padding=2), nn.ReLU(),
            nn.AdaptiveMaxPool1d(1), nn.Flatten(),
            nn.Linear(2 * width, N_CLASSES))


class AccumulatingLoop:
    def __init__(self, model, optimizer, loss_fn, every):
        self.model, self.optimizer, self.loss_fn, self.every = model, optimizer, loss_fn, every
        self.count = 0

    def feed(self, x, y):
        loss = self.loss_fn(self.model(x), y)
        (loss / self.every).backward()
        self.count += 1
        if self.count == self.every:
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.count = 0
        return loss.detach()


def accuracy(model, x, y):
    with torch.inference_mode():
        return (model(x).argmax(-1) == y).float().mean().item()


def main():
    torch.manual_seed(21)
    gen = torch.Generator().manual_seed(99)
    xtr, ytr = generate(1536, gen)
    xte, yte = generate(512, gen)
    model = WaveNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loop = AccumulatingLoop(model, optimizer, nn.CrossEntropyLoss(), every=16)
    for epoch in range(14):
        order = torch.randperm(len(xtr))
        losses = []
        for idx in order.split(8):
            losses.append(loop.feed(xtr[idx], ytr[idx]))
        print(f"epoch {epoch:02d} loss {torch.stack(losses).mean():.4f} test acc {accuracy(model, xte, yte):.4f}")


if __name__ == "__main__":
    main()
