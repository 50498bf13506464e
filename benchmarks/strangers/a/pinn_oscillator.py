"""Physics-informed net for u'' + 0.4 u' + 9 u = 0, u(0)=1, u'(0)=0."""
import math
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
delta, omega0 = 0.2, 3.0
w = math.sqrt(omega0 ** 2 - delta ** 2)


def exact(t):
    return torch.exp(-delta * t) * (torch.cos(w * t) + delta / w * torch.sin(w * t))


class PINN(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, t):
        return 1 + t ** 2 * self.f(t / 2 - 1)   # initial conditions built in


def d(u, t):
    return torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]


model = PINN()
t = torch.linspace(0, 4, 120).reshape(-1, 1).requires_grad_(True)
opt = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=20, history_size=50, line_search_fn="strong_wolfe")
weight = torch.exp(-1.0 * t.detach())


def residual_loss():
    u = model(t)
    du = d(u, t)
    ddu = d(du, t)
    return (weight * (ddu + 2 * delta * du + omega0 ** 2 * u) ** 2).mean()


def closure():
    opt.zero_grad()
    loss = residual_loss()
    loss.backward()
    return loss


for it in range(70):
    loss = opt.step(closure)
    if it % 10 == 0:
        print(f"iter {it:3d}  residual {loss.item():.3e}")

with torch.no_grad():
    tt = torch.linspace(0, 4, 400).reshape(-1, 1)
    err = (model(tt) - exact(tt)).norm() / exact(tt).norm()
print(f"relative L2 error {err.item():.2e}")
