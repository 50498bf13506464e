"""Encoder that sorts short digit strings, with the schedule of Vaswani et al."""
import math
import torch
from torch import nn


class Positional(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        pos = torch.arange(n)[:, None]
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(n, d)
        pe[:, 0::2] = torch.sin(pos * div)
        pe[:, 1::2] = torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class SortNet(nn.Module):
    def __init__(self, vocab=10, d=32, heads=4, length=6):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.pos = Positional(d, length)
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(d, vocab)

    def forward(self, x):
        return self.out(self.enc(self.pos(self.emb(x))))


class Noam:
    """Multiplier for LambdaLR: linear warmup, then inverse square root decay."""

    def __init__(self, d_model, warmup, factor=1.0):
        self.d, self.warmup, self.factor = d_model, warmup, factor

    def __call__(self, step):
        step = max(step, 1)
        return self.factor * self.d ** -0.5 * min(step ** -0.5, step * self.warmup ** -1.5)


def batch(n, g, length=6):
    x = torch.randint(0, 10, (n, length), generator=g)
    return x, x.sort(dim=1).values


def main(steps=600, lr=1.0, warmup=200):
    torch.manual_seed(30)
    g = torch.Generator().manual_seed(30)
    model = SortNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.98), eps=1e-9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, Noam(32, warmup, factor=0.7))
    criterion = nn.CrossEntropyLoss()
    xv, yv = batch(500, torch.Generator().manual_seed(1))
    running = 0.0
    for step in range(1, steps + 1):
        model.train()
        x, y = batch(48, g)
        logits = model(x)
        loss = criterion(logits.transpose(1, 2), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item()
        if step % 100 == 0:
            model.eval()
            with torch.no_grad():
                acc = (model(xv).argmax(-1) == yv).float().mean().item()
            print(f"step {step} loss {running / 100:.4f} token acc {acc:.4f}")
            running = 0.0


if __name__ == "__main__":
    main()
