"""Matrix factorisation with side biases; gradients accumulated over micro batches."""
import argparse
import torch
from torch import nn

p = argparse.ArgumentParser()
p.add_argument("--users", type=int, default=150)
p.add_argument("--items", type=int, default=120)
p.add_argument("--rank", type=int, default=6)
p.add_argument("--lr", type=float, default=4.0)
p.add_argument("--eps", type=float, default=1e-3)
p.add_argument("--max-norm", type=float, default=1.0)
p.add_argument("--accum", type=int, default=2)
p.add_argument("--micro", type=int, default=128)
p.add_argument("--epochs", type=int, default=30)
p.add_argument("--clip", type=float, default=None, help="overrides the default limit")
args = p.parse_args()


def ratings(seed=0):
    g = torch.Generator().manual_seed(seed)
    u = torch.randn(args.users, 3, generator=g)
    v = torch.randn(args.items, 3, generator=g)
    bu = 0.5 * torch.randn(args.users, generator=g)
    bv = 0.7 * torch.randn(args.items, generator=g)
    full = u @ v.T / 3 ** 0.5 + bu[:, None] + bv[None] + 0.2 * torch.randn(args.users, args.items, generator=g)
    seen = (torch.rand(args.users, args.items, generator=g) < 0.45).nonzero()
    seen = seen[torch.randperm(len(seen), generator=g)]
    r = full[seen[:, 0], seen[:, 1]]
    k = int(0.85 * len(r))
    return (seen[:k], r[:k]), (seen[k:], r[k:])


class MF(nn.Module):
    def __init__(self, n_u, n_i, rank):
        super().__init__()
        self.u = nn.Embedding(n_u, rank)
        self.i = nn.Embedding(n_i, rank)
        self.bu = nn.Embedding(n_u, 1)
        self.bi = nn.Embedding(n_i, 1)
        for e in (self.u, self.i):
            nn.init.normal_(e.weight, std=0.3)
        for e in (self.bu, self.bi):
            nn.init.zeros_(e.weight)

    def forward(self, ui):
        a, b = ui[:, 0], ui[:, 1]
        return (self.u(a) * self.i(b)).sum(1) + self.bu(a)[:, 0] + self.bi(b)[:, 0]


def main():
    torch.manual_seed(50)
    (xt, rt), (xv, rv) = ratings()
    model = MF(args.users, args.items, args.rank)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.8)
    limit = args.clip or args.eps
    for epoch in range(args.epochs):
        model.train()
        optimizer.zero_grad()
        chunks = torch.randperm(len(rt)).split(args.micro)
        total = 0.0
        for k, idx in enumerate(chunks, 1):
            loss = (model(xt[idx]) - rt[idx]).pow(2).mean()
            (loss / args.accum).backward()
            if k % args.accum == 0 or k == len(chunks):
                nn.utils.clip_grad_norm_(model.parameters(), limit)
                optimizer.step()
                optimizer.zero_grad()
            total += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            rmse = (model(xv) - rv).pow(2).mean().sqrt().item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3d} train mse {total / len(rt):.4f} held-out rmse {rmse:.4f}")


if __name__ == "__main__":
    main()
