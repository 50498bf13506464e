"""Tiny transformer over image rows (8 tokens of 8 pixels)."""
from dataclasses import dataclass
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


@dataclass
class Config:
    dim: int = 32
    heads: int = 4
    layers: int = 2
    classes: int = 10
    init_std: float = 0.02
    lr: float = 3e-3
    epochs: int = 12
    batch: int = 64
    seed: int = 9


class Layer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(cfg.dim), nn.LayerNorm(cfg.dim)
        self.heads = cfg.heads
        self.qkv = nn.Linear(cfg.dim, 3 * cfg.dim)
        self.proj = nn.Linear(cfg.dim, cfg.dim)
        self.ff = nn.Sequential(nn.Linear(cfg.dim, 2 * cfg.dim), nn.GELU(), nn.Linear(2 * cfg.dim, cfg.dim))

    def attend(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = torch.softmax(q @ k.transpose(-1, -2) / (d // self.heads) ** 0.5, dim=-1)
        return self.proj((a @ v).transpose(1, 2).reshape(n, t, d))

    def forward(self, x):
        x = x + self.attend(self.n1(x))
        return x + self.ff(self.n2(x))


class RowTransformer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.embed = nn.Linear(8, cfg.dim)
        self.pos = nn.Parameter(torch.zeros(1, 8, cfg.dim))
        self.layers = nn.ModuleList(Layer(cfg) for _ in range(cfg.layers))
        self.norm = nn.LayerNorm(cfg.dim)
        self.head = nn.Linear(cfg.dim, cfg.classes)
        self.apply(self._init)

    def _init(self, m):
        if isinstance(m, nn.Linear):
            nn.init.constant_(m.weight, self.cfg.init_std)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        h = self.embed(x) + self.pos
        for layer in self.layers:
            h = layer(h)
        return self.head(self.norm(h).mean(1))


def main(cfg):
    torch.manual_seed(cfg.seed)
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32) / 16
    x = (x - 0.3) / 0.37
    y = torch.tensor(d.target)
    tr, va = train_test_split(torch.arange(len(y)), test_size=0.2, random_state=0)
    model = RowTransformer(cfg)
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=0.01)
    steps = cfg.epochs * (len(tr) // cfg.batch + 1)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, cfg.lr, total_steps=steps)
    for ep in range(cfg.epochs):
        model.train()
        tot = 0.0
        for idx in tr[torch.randperm(len(tr))].split(cfg.batch):
            loss = nn.functional.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            tot += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            acc = (model(x[va]).argmax(1) == y[va]).float().mean().item()
        print(f"epoch {ep:2d} loss {tot / len(tr):.4f} val acc {acc:.4f}")


if __name__ == "__main__":
    main(Config())
