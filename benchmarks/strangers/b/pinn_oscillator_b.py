# Physics informed network: damped oscillator, initial value problem
#       u''(t) + 2 d u'(t) + w0^2 u(t) = 0,   u(0) = 1, u'(0) = 0
# compared with the analytic solution at the end.
import math
import torch
import torch.nn as nn

torch.manual_seed(12)

d, w0 = 0.5, 4.0
t_max = 1.5


def exact(t):
    w = math.sqrt(w0 ** 2 - d ** 2)
    return torch.exp(-d * t) * (torch.cos(w * t) + d / w * torch.sin(w * t))


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)


def mlp(width=32, depth=3):
    mods = [nn.Linear(1, width), Sine()]
    for _ in range(depth - 1):
        mods += [nn.Linear(width, width), nn.Tanh()]
    mods.append(nn.Linear(width, 1))
    return nn.Sequential(*mods)


class PINN:
    def __init__(self, n_collocation=64):
        self.net = mlp()
        self.n = n_collocation

    def derivatives(self, t):
        u = self.net(t)
        ones = torch.ones_like(u)
        u_t = torch.autograd.grad(u, t, ones, create_graph=True)[0]
        u_tt = torch.autograd.grad(u_t, t, ones, create_graph=True)[0]
        return u, u_t, u_tt

    def residual_loss(self):
        t = (torch.rand(self.n, 1) * t_max).requires_grad_(True)
        u, u_t, u_tt = self.derivatives(t)
        res = u_tt + 2 * d * u_t + w0 ** 2 * u
        return (res ** 2).mean()

    def initial_loss(self):
        t = torch.zeros(1, 1, requires_grad=True)
        u = self.net(t)
        u_t = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]
        return (u - 1.0).pow(2).mean(), u_t.pow(2).mean()

    def relative_error(self):
        t = torch.linspace(0, t_max, 201).unsqueeze(1)
        with torch.no_grad():
            diff = self.net(t) - exact(t)
        return (diff.norm() / exact(t).norm()).item()


def train(pinn, iters=1000, lr=5e-3, weights=(0.02, 1.0, 0.2)):
    opt = torch.optim.Adam(pinn.net.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=iters)
    for it in range(1, iters + 1):
        res = pinn.residual_loss()
        pos, vel = pinn.initial_loss()
        loss = weights[0] * res + weights[1] * pos + weights[2] * vel
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if it % 200 == 0:
            print(f"it {it:5d}  residual {res.item():.3e}  u(0) {pos.item():.3e}  u'(0) {vel.item():.3e}")


pinn = PINN()
train(pinn)
print(f"relative L2 error vs exact solution: {pinn.relative_error():.4f}")
