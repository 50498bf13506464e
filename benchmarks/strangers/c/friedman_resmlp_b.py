import math
import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import StandardScaler

torch.manual_seed(42)

X, y = make_friedman1(n_samples=1500, n_features=10, noise=0.3, random_state=0)
xs, ys = StandardScaler(), StandardScaler()
X = torch.tensor(xs.fit_transform(X), dtype=torch.float32)
y = torch.tensor(ys.fit_transform(y[:, None]), dtype=torch.float32)
x_train, y_train, x_test, y_test = X[:1100], y[:1100], X[1100:], y[1100:]

PEAK = 4e-3
WARMUP = 40
EPOCHS = 25
BATCH = 32
TOTAL = EPOCHS * math.ceil(len(x_train) / BATCH)


class ResBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))

    def forward(self, x):
        return x + 0.5 * self.f(x)


class Regressor(nn.Module):
    def __init__(self, n_in, d=48, depth=3):
        super().__init__()
        self.stem = nn.Linear(n_in, d)
        self.blocks = nn.Sequential(*[ResBlock(d) for _ in range(depth)])
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        return self.out(torch.relu(self.blocks(self.stem(x))))


def lr_at(step):
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    frac = (step - WARMUP) / max(1, TOTAL - WARMUP)
    return 0.5 * PEAK * (1 + math.cos(math.pi * frac))


def make_optimizer(net, lr):
    biases = [p for n, p in net.named_parameters() if n.endswith("bias")]
    rest = [p for n, p in net.named_parameters() if not n.endswith("bias")]
    return torch.optim.SGD([{"params": rest, "weight_decay": 1e-4}, {"params": biases}],
                           lr=lr, momentum=0.95)


def r2(net):
    net.eval()
    with torch.no_grad():
        res = ((net(x_test) - y_test) ** 2).sum()
    net.train()
    return (1 - res / ((y_test - y_test.mean()) ** 2).sum()).item()


net = Regressor(X.shape[1])
step = 0
optimizer = make_optimizer(net, lr_at(0))
for epoch in range(EPOCHS):
    perm = torch.randperm(len(x_train))
    total = 0.0
    for idx in perm.split(BATCH):
        for g in optimizer.param_groups:
            g["lr"] = lr_at(step)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        step += 1
        total += loss.item() * len(idx)
    if epoch % 4 == 0 or epoch == EPOCHS - 1:
        print(f"epoch {epoch:3d} train mse {total / len(x_train):.4f} test r2 {r2(net):.4f}")
