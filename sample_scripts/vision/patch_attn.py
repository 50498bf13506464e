import argparse
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--lr", type=float, default=5e-3)
    p.add_argument("--update-every", type=int, default=1)
    p.add_argument("--no-update", dest="update", action="store_false")
    return p.parse_args()


class PatchNet(nn.Module):
    """Splits the 8x8 digit into sixteen 2x2 patches and attends over them."""

    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Linear(4, dim)
        self.pos = nn.Parameter(0.02 * torch.randn(16, dim))
        self.attn = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim))
        self.cls = nn.Linear(dim, 10)

    def forward(self, img):
        p = img.unfold(1, 2, 2).unfold(2, 2, 2).reshape(len(img), 16, 4)
        h = self.embed(p) + self.pos
        h = h + self.attn(self.norm(h), self.norm(h), self.norm(h), need_weights=False)[0]
        h = h + self.mlp(h)
        return self.cls(h.mean(1))


def main():
    args = parse()
    torch.manual_seed(12)
    bunch = load_digits()
    imgs = torch.tensor(bunch.images, dtype=torch.float32) / 8 - 1
    labels = torch.tensor(bunch.target)
    net = PatchNet()
    opt = torch.optim.AdamW(net.parameters(), lr=args.lr)
    count = 0
    for epoch in range(args.epochs):
        for idx in torch.randperm(1500).split(32):
            loss = F.cross_entropy(net(imgs[idx]), labels[idx])
            opt.zero_grad()
            loss.backward()
            count += 1
            if args.update and count % args.update_every == 0:
                opt.step()
        with torch.no_grad():
            acc = (net(imgs[1500:]).argmax(1) == labels[1500:]).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.4f}")


if __name__ == "__main__":
    main()
    sys.exit(0)
