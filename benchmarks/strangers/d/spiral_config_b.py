from dataclasses import dataclass, field
import math
import torch
import torch.nn as nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "silu": nn.SiLU}


@dataclass
class ModelCfg:
    in_dim: int = 2
    widths: list = field(default_factory=lambda: [64, 64, 32])
    n_classes: int = 3
    activation: str = "relu"


@dataclass
class OptimCfg:
    name: str = "adamw"
    lr: float = 5e-3
    weight_decay: float = 1e-3
    steps: int = 700
    batch: int = 96
    warmup: int = 40


@dataclass
class Experiment:
    model: ModelCfg = field(default_factory=ModelCfg)
    optim: OptimCfg = field(default_factory=OptimCfg)
    seed: int = 31
    log_every: int = 100


def spirals(n_per, k, noise, seed):
    g = torch.Generator().manual_seed(seed)
    xs, ys = [], []
    for c in range(k):
        r = torch.linspace(0.1, 1, n_per)
        th = r * 5 + c * 2 * math.pi / k + noise * torch.randn(n_per, generator=g)
        xs.append(torch.stack([r * th.cos(), r * th.sin()], 1) * 1.8)
        ys.append(torch.full((n_per,), c))
    return torch.cat(xs), torch.cat(ys)


def get_activation(name):
    return ACTIVATIONS.get(name, nn.Identity)()


class MLP(nn.Module):
    def __init__(self, cfg: ModelCfg):
        super().__init__()
        dims = [cfg.in_dim] + cfg.widths
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:]))
        self.act = get_activation(cfg.activation)
        self.out = nn.Linear(dims[-1], cfg.n_classes)

    def forward(self, x):
        for layer in self.hidden:
            x = self.act(layer(x))
        return self.out(x)


def build_optimizer(params, cfg: OptimCfg):
    opt = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[cfg.name](params, lr=cfg.lr, weight_decay=cfg.weight_decay)
    warm = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / cfg.warmup))
    return opt, warm


def run(exp: Experiment):
    torch.manual_seed(exp.seed)
    x, y = spirals(300, exp.model.n_classes, 0.15, 1)
    xv, yv = spirals(100, exp.model.n_classes, 0.15, 2)
    model = MLP(exp.model)
    opt, warm = build_optimizer(model.parameters(), exp.optim)
    criterion = nn.CrossEntropyLoss()
    for step in range(1, exp.optim.steps + 1):
        idx = torch.randint(len(x), (exp.optim.batch,))
        loss = criterion(model(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        warm.step()
        if step % exp.log_every == 0:
            with torch.no_grad():
                acc = (model(xv).argmax(1) == yv).float().mean()
            print(f"step {step:4d} loss {loss.item():.4f} val acc {acc:.4f}")


if __name__ == "__main__":
    run(Experiment())
