import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(5)
rng = np.random.default_rng(5)

# %% simulate the series
N = 4000
x = np.empty(N)
x[0] = 0.3
for t in range(1, N):
    x[t] = 3.9 * x[t - 1] * (1 - x[t - 1])
x = x + 0.005 * rng.standard_normal(N)

# %% windows
W = 6
windows = np.lib.stride_tricks.sliding_window_view(x, W + 1)
Xall = torch.tensor(windows[:, :W].copy(), dtype=torch.float32)
yall = torch.tensor(windows[:, W:].copy(), dtype=torch.float32)
mu, sd = Xall[:3000].mean(), Xall[:3000].std()
Xall, yall = (Xall - mu) / sd, (yall - mu) / sd
Xtr, ytr, Xte, yte = Xall[:3000], yall[:3000], Xall[3000:], yall[3000:]

# %% model
hidden = 64
model = nn.Sequential(
    nn.Linear(W, hidden),
    nn.Linear(hidden, hidden),
    nn.Linear(hidden, 1),
)
print(sum(p.numel() for p in model.parameters()), "parameters")

# %% training
epochs, bs = 40, 64
steps = int(np.ceil(len(Xtr) / bs))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=5e-3, epochs=epochs, steps_per_epoch=steps)
lossf = nn.SmoothL1Loss()
for ep in range(epochs):
    perm = torch.randperm(len(Xtr))
    acc = 0.0
    for b in range(steps):
        j = perm[b * bs:(b + 1) * bs]
        loss = lossf(model(Xtr[j]), ytr[j])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        acc += loss.item()
    if ep % 8 == 7:
        print(f"epoch {ep + 1}: {acc / steps:.5f}")

# %% one step ahead score
with torch.no_grad():
    p = model(Xte)
r2 = 1 - ((p - yte) ** 2).mean() / yte.var()
print("R2 = %.4f" % r2.item())
