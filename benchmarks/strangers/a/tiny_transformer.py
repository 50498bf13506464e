import math
import time
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn import functional as F


@dataclass
class Config:
    vocab: int = 10
    length: int = 12
    dim: int = 32
    heads: int = 4
    depth: int = 2
    batch: int = 64
    steps: int = 500
    lr: float = 0.1
    weight_decay: float = 0.01
    eval_every: int = 100


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.h = c.heads
        self.ln1 = nn.LayerNorm(c.dim)
        self.ln2 = nn.LayerNorm(c.dim)
        self.qkv = nn.Linear(c.dim, 3 * c.dim)
        self.proj = nn.Linear(c.dim, c.dim)
        self.mlp = nn.Sequential(nn.Linear(c.dim, 4 * c.dim), nn.GELU(), nn.Linear(4 * c.dim, c.dim))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(B, T, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4)
        att = q @ k.transpose(-2, -1) / math.sqrt(C // self.h)
        y = (att.softmax(-1) @ v).transpose(1, 2).reshape(B, T, C)
        x = x + self.proj(y)
        return x + self.mlp(self.ln2(x))


class Model(nn.Module):
    """Reads a sequence and writes it sorted, all positions at once."""

    def __init__(self, c):
        super().__init__()
        self.tok = nn.Embedding(c.vocab, c.dim)
        self.pos = nn.Parameter(0.02 * torch.randn(c.length, c.dim))
        self.blocks = nn.ModuleList([Block(c) for _ in range(c.depth)])
        self.ln = nn.LayerNorm(c.dim)
        self.out = nn.Linear(c.dim, c.vocab)

    def forward(self, idx):
        x = self.tok(idx) + self.pos
        for b in self.blocks:
            x = b(x)
        return self.out(self.ln(x))


def get_batch(c, n):
    x = torch.randint(0, c.vocab, (n, c.length))
    return x, x.sort(dim=1).values


def main():
    c = Config()
    torch.manual_seed(1234)
    model = Model(c)
    opt = torch.optim.AdamW(model.parameters(), lr=c.lr, betas=(0.9, 0.95), weight_decay=c.weight_decay)
    test_x, test_y = get_batch(c, 500)
    t0 = time.time()
    for step in range(1, c.steps + 1):
        model.train()
        x, y = get_batch(c, c.batch)
        logits = model(x)
        loss = F.cross_entropy(logits.view(-1, c.vocab), y.view(-1))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % c.eval_every == 0:
            model.eval()
            with torch.no_grad():
                acc = (model(test_x).argmax(-1) == test_y).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} token acc {acc:.4f} ({time.time() - t0:.1f}s)")
    print("token accuracy:", round(acc, 4))


if __name__ == "__main__":
    main()
