"""Mixture density network for a multi-valued inverse problem."""
import math
import torch
import torch.nn as nn


class MDN(nn.Module):
    """p(y | x) as a mixture of K Gaussians."""

    def __init__(self, hidden=40, k=5):
        super().__init__()
        self.k = k
        self.h = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.pi = nn.Linear(hidden, k)
        self.mu = nn.Linear(hidden, k)
        self.log_sigma = nn.Linear(hidden, k)
        with torch.no_grad():
            self.mu.bias.copy_(torch.linspace(-0.5, 1.5, k))

    def components(self, x):
        h = self.h(x)
        return torch.log_softmax(self.pi(h), -1), self.mu(h), self.log_sigma(h).clamp(-4, 2)

    def log_density(self, x, y):
        log_pi, mu, ls = self.components(x)
        log_n = -0.5 * ((y - mu) / ls.exp()) ** 2 - ls - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(log_pi + log_n, dim=-1)

    def mode(self, x):
        log_pi, mu, ls = self.components(x)
        best = (log_pi - ls).argmax(-1, keepdim=True)
        return mu.gather(-1, best)


def inverse_data(n, gen):
    y = torch.rand(n, 1, generator=gen)
    x = y + 0.3 * torch.sin(2 * math.pi * y) + 0.05 * torch.randn(n, 1, generator=gen)
    return (x - 0.5) * 2, y


class NegLogLik(nn.Module):
    def __init__(self, model, l2=0.0):
        super().__init__()
        self.model, self.l2 = model, l2

    def forward(self, x, y):
        ll = self.model.log_density(x, y)
        reg = sum((p ** 2).sum() for p in self.model.parameters() if p.ndim > 1)
        return -ll.mean() + self.l2 * reg


def nearest_branch_error(model, x, y):
    """distance between the forward image of the predicted mode and x"""
    with torch.no_grad():
        m = model.mode(x)
        back = (m + 0.3 * torch.sin(2 * math.pi * m) - 0.5) * 2
        return (back - x).abs().mean().item()


def main():
    torch.manual_seed(33)
    gen = torch.Generator().manual_seed(1)
    x, y = inverse_data(2000, gen)
    xv, yv = inverse_data(500, gen)
    model = MDN()
    objective = NegLogLik(model, l2=1e-5)
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(25):
        acc = 0.0
        perm = torch.randperm(len(x))
        for idx in perm.split(100):
            opt.zero_grad()
            loss = objective(x[idx], y[idx])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            opt.step()
            acc += loss.item()
        if epoch % 4 == 0:
            with torch.no_grad():
                v = -model.log_density(xv, yv).mean().item()
            print(f"epoch {epoch:2d} objective {acc / 20:.4f} val nll {v:.4f} branch error {nearest_branch_error(model, xv, yv):.4f}")


if __name__ == "__main__":
    main()
