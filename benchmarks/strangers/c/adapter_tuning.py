# Low-rank adapters on a frozen regressor: moved domain
import math
import torch
import torch.nn as nn


class LowRank(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.empty(r, base.in_features))
        self.B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        self.scale = alpha / r

    def forward(self, x):
        return self.base(x) + (x @ self.A.T @ self.B.T) * self.scale


def wrap(module):
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, LowRank(child))
        else:
            wrap(child)
    return module


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.fc1, self.fc2 = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        return x + self.fc2(nn.functional.gelu(self.fc1(self.norm(x))))


def net(d=32):
    return nn.Sequential(nn.Linear(6, d), Block(d), Block(d), nn.Linear(d, 2))


W = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))


def domain(n, shift, g):
    x = torch.randn(n, 6, generator=g)
    h = torch.sin(0.5 * x @ W + shift)
    return x, torch.stack([h[:, :3].sum(1), h[:, 3] * h[:, 4] * 2], 1)


def fit(model, x, y, lr, epochs, label):
    trainable = [p for p in model.parameters() if p.requires_grad]
    print(label, "trainable", sum(p.numel() for p in trainable), "of", sum(p.numel() for p in model.parameters()))
    opt = torch.optim.AdamW(trainable, lr=lr, weight_decay=0.01)
    for e in range(epochs):
        s = 0.0
        for idx in torch.randperm(len(x)).split(64):
            loss = nn.functional.smooth_l1_loss(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            s += loss.item() * len(idx)
        if e == 0 or (e + 1) % 5 == 0:
            with torch.no_grad():
                t = nn.functional.smooth_l1_loss(model(XT), YT).item()
            print(f"{label} {e + 1} train {s / len(x):.4f} target-domain {t:.4f}")


if __name__ == "__main__":
    torch.manual_seed(6)
    g = torch.Generator().manual_seed(1)
    x0, y0 = domain(3000, 0.0, g)
    x1, y1 = domain(1500, 0.8, g)
    XT, YT = domain(500, 0.8, g)
    model = net()
    fit(model, x0, y0, 3e-3, 15, "base")
    for p in model.parameters():
        p.requires_grad_(False)
    fit(wrap(model), x1, y1, 1e-2, 20, "adapter")
