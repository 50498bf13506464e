"""MAML for sine regression, functional weights, second order gradients."""
import math
import torch
import torch.nn.functional as F

torch.manual_seed(6)

WIDTH, K, INNER_LR, META_LR = 40, 10, 0.02, 2e-3
META_BATCH, META_ITERS, INNER_STEPS = 4, 800, 1


class Task:
    def __init__(self):
        self.amp = 1.0 + 2.0 * torch.rand(1)
        self.phase = math.pi * torch.rand(1)

    def sample(self, n):
        x = 8 * torch.rand(n, 1) - 4
        return x, self.amp * torch.sin(x + self.phase)


def init_weights():
    shapes = [(WIDTH, 1), (WIDTH,), (WIDTH, WIDTH), (WIDTH,), (1, WIDTH), (1,)]
    weights = []
    for s in shapes:
        w = torch.zeros(s) if len(s) == 1 else torch.randn(s) * math.sqrt(1.0 / s[1])
        weights.append(w.requires_grad_())
    return weights


def net(x, w):
    h = torch.tanh(F.linear(x, w[0], w[1]))
    h = torch.tanh(F.linear(h, w[2], w[3]))
    return F.linear(h, w[4], w[5])


def adapt(w, x, y, steps, create_graph):
    fast = list(w)
    for _ in range(steps):
        inner = F.mse_loss(net(x, fast), y)
        grads = torch.autograd.grad(inner, fast, create_graph=create_graph)
        fast = [p - INNER_LR * g for p, g in zip(fast, grads)]
    return fast


def meta_loss(w):
    losses = []
    for _ in range(META_BATCH):
        task = Task()
        fast = adapt(w, *task.sample(K), steps=INNER_STEPS, create_graph=True)
        xq, yq = task.sample(K)
        losses.append(F.mse_loss(net(xq, fast), yq))
    return torch.stack(losses).mean()


def meta_test(w, n_tasks=60, steps=3):
    before = after = 0.0
    for _ in range(n_tasks):
        task = Task()
        xs, ys = task.sample(K)
        xq, yq = task.sample(100)
        with torch.no_grad():
            before += F.mse_loss(net(xq, w), yq).item() / n_tasks
        fast = adapt(w, xs, ys, steps, create_graph=False)
        with torch.no_grad():
            after += F.mse_loss(net(xq, fast), yq).item() / n_tasks
    return before, after


weights = init_weights()
optimizer = torch.optim.Adam(weights, lr=META_LR)
print("untrained: before %.3f after adaptation %.3f" % meta_test(weights))
avg = None
for it in range(1, META_ITERS + 1):
    loss = meta_loss(weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    avg = loss.item() if avg is None else 0.97 * avg + 0.03 * loss.item()
    if it % 200 == 0:
        print("iter %d  query loss %.4f" % (it, avg))

before, after = meta_test(weights)
print("query MSE before adaptation %.4f, after adaptation %.4f" % (before, after))
