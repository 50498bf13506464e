import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(22)
t = torch.linspace(-1, 1, 200)[:, None]
obs = torch.tanh(4 * t) + 0.3 * t**2 + 0.05 * torch.randn_like(t)
w1, b1 = torch.randn(1, 20, requires_grad=True), torch.zeros(20, requires_grad=True)
w2, b2 = (torch.randn(20, 1) / 20**0.5).requires_grad_(), torch.zeros(1, requires_grad=True)


def f(z):
    return torch.tanh(z @ w1 + b1) @ w2 + b2


solver = torch.optim.LBFGS([w1, b1, w2, b2], lr=0.8, max_iter=10, history_size=8, line_search_fn="strong_wolfe")


def closure():
    solver.zero_grad()
    cost = ((f(t) - obs) ** 2).mean() + 1e-5 * (w1.square().sum() + w2.square().sum())
    cost.backward()
    return cost


for round_ in range(12):
    cost = solver.step(closure)
print("mse", ((f(t) - torch.tanh(4 * t) - 0.3 * t**2) ** 2).mean().item())
