"""Read the value of the strongest reading in a set of sensor readings (attention pooling)."""
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 9
LEN = 16


def build_split(n, g):
    """each reading = (confidence, value, 3 nuisance channels); wanted: value of the most confident"""
    conf = torch.randn(n, LEN, 1, generator=g) * 1.5
    value = torch.randn(n, LEN, 1, generator=g)
    rest = torch.randn(n, LEN, 3, generator=g)
    best = conf.argmax(1, keepdim=True)
    y = value.gather(1, best)[:, 0, 0]
    return torch.cat([conf, value, rest], -1), y


class AttentionPool(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.proj = nn.Linear(dim, hidden)
        self.query = nn.Linear(hidden, 1, bias=False)

    def forward(self, h, mask=None):
        scores = self.query(F.gelu(self.proj(h)))
        if mask is not None:
            scores = scores.masked_fill(~mask.unsqueeze(-1), float("-inf"))
        alpha = torch.softmax(scores, dim=1)
        return (alpha * h).sum(1), alpha


class Reader(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(5, dim), nn.GELU(), nn.Linear(dim, dim))
        self.pool = AttentionPool(dim, 24)
        self.fc = nn.Linear(dim, 1)

    def forward(self, x):
        pooled, _ = self.pool(self.embed(x))
        return self.fc(pooled).squeeze(-1)


@torch.no_grad()
def r2(model, x, y, bs=64):
    model.eval()
    p = torch.cat([model(c) for c in x.split(bs)])
    return (1 - ((p - y) ** 2).mean() / y.var(unbiased=False)).item()


def fit(model, x, y, xv, yv, epochs, lr):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.StepLR(opt, step_size=6, gamma=0.5)
    for e in range(epochs):
        model.train()
        seen = 0.0
        for idx in torch.randperm(len(x)).split(64):
            loss = F.mse_loss(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            seen += loss.item() * len(idx)
        sched.step()
        print(f"{e:02d}: train {seen / len(x):.4f}  valid r2 {r2(model, xv, yv):.4f}")


if __name__ == "__main__":
    torch.manual_seed(SEED)
    gen = torch.Generator().manual_seed(SEED)
    fit(Reader(), *build_split(2000, gen), *build_split(640, gen), epochs=16, lr=5e-3)
