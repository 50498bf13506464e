# Neural ODE on a damped spiral: RK4 written by hand, parameters updated by hand as well.
# (no torch.optim on purpose, to see what momentum SGD really does)
import torch

torch.manual_seed(40)

A_true = torch.tensor([[-0.15, 1.2], [-1.2, -0.15]])
dt, n_steps = 0.1, 40
hidden = 32


def rk4(f, y, h):
    k1 = f(y)
    k2 = f(y + 0.5 * h * k1)
    k3 = f(y + 0.5 * h * k2)
    k4 = f(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def rollout(f, y0, steps):
    ys = [y0]
    for _ in range(steps):
        ys.append(rk4(f, ys[-1], dt))
    return torch.stack(ys, dim=1)


def true_field(y):
    return (y ** 3 * 0.3 + y) @ A_true.t()


theta = {
    "w1": torch.randn(2, hidden) * 0.5,
    "b1": torch.zeros(hidden),
    "w2": torch.randn(hidden, 2) * 0.1,
    "b2": torch.zeros(2),
}
for v in theta.values():
    v.requires_grad_(True)
velocity = {k: torch.zeros_like(v) for k, v in theta.items()}


def field(y):
    return torch.tanh(y @ theta["w1"] + theta["b1"]) @ theta["w2"] + theta["b2"]


with torch.no_grad():
    starts = 2 * torch.rand(60, 2) - 1
    paths = rollout(true_field, starts, n_steps)
train_paths, test_paths = paths[:45], paths[45:]

lr, momentum, window = 0.05, 0.9, 12
for it in range(1, 801):
    who = torch.randint(0, len(train_paths), (48,))
    when = torch.randint(0, n_steps - window, (48,))
    y0 = train_paths[who, when]
    target = torch.stack([train_paths[who, when + j] for j in range(window + 1)], dim=1)
    loss = (rollout(field, y0, window) - target).pow(2).sum(dim=(1, 2)).mean()
    loss.backward()
    with torch.no_grad():
        for name, p in theta.items():
            velocity[name] = momentum * velocity[name] + p.grad
            p -= lr * (1 - it / 850) * velocity[name]
            p.grad = None
    if it % 160 == 0:
        print("iteration", it, "loss", round(loss.item(), 6))

with torch.no_grad():
    pred = rollout(field, test_paths[:, 0], n_steps)
    rel = (pred - test_paths).norm() / test_paths.norm()
print("relative rollout error on unseen starting points: %.4f" % rel.item())
