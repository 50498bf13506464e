"""Adding problem with growing length: the easy sequences come first, unshuffled on purpose."""
import torch
from torch import nn


def adding(n, length, g):
    v = torch.rand(n, length, generator=g)
    m = torch.zeros(n, length)
    half = length // 2
    a = torch.randint(0, half, (n,), generator=g)
    b = torch.randint(half, length, (n,), generator=g)
    m[torch.arange(n), a] = 1
    m[torch.arange(n), b] = 1
    return torch.stack([v, m], -1), (v * m).sum(1)


class Adder(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.cell = nn.GRUCell(2, h)
        self.h0 = nn.Parameter(torch.zeros(1, h))
        self.out = nn.Linear(h, 1)

    def forward(self, x):
        h = self.h0.expand(len(x), -1)
        for t in range(x.size(1)):
            h = self.cell(x[:, t], h)
        return self.out(h)[:, 0]


class Curriculum:
    def __init__(self, start, stop, threshold):
        self.length, self.stop, self.threshold = start, stop, threshold
        self.avg = None

    def update(self, loss):
        self.avg = loss if self.avg is None else 0.95 * self.avg + 0.05 * loss
        if self.avg < self.threshold and self.length < self.stop:
            self.length += 2
            self.avg = None
            return True
        return False


def main(steps=1200, batch=48):
    torch.manual_seed(33)
    g = torch.Generator().manual_seed(33)
    model = Adder()
    opt = torch.optim.Adam(model.parameters(), lr=6e-3)
    plan = Curriculum(4, 16, 0.02)
    xv, yv = adding(500, 16, torch.Generator().manual_seed(1))
    for step in range(1, steps + 1):
        x, y = adding(batch, plan.length, g)
        loss = nn.functional.mse_loss(model(x), y)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        plan.update(loss.item())
        if step % 200 == 0:
            with torch.no_grad():
                v = nn.functional.mse_loss(model(xv), yv).item()
            print(f"step {step} length {plan.length} loss {loss.item():.4f} |g| {norm:.3f} test mse at 16 {v:.4f}")


if __name__ == "__main__":
    main()
