import copy
import numpy as np
import torch
from torch import nn

# next day return from a handful of signals; almost everything is noise
rng = np.random.default_rng(2024)
torch.manual_seed(2024)

n, d = 24000, 8
X = rng.standard_normal((n, d)).astype(np.float32)
signal = 0.2 * X[:, 0] - 0.15 * X[:, 1] * X[:, 2] + 0.25 * np.maximum(X[:, 3], 0) - 0.1
noise = rng.standard_t(6, n) * np.sqrt(4 / 6)
y = (signal + noise).astype(np.float32)

cut1, cut2 = 16000, 19000
Xt, yt = torch.tensor(X), torch.tensor(y)
tr, va, te = slice(0, cut1), slice(cut1, cut2), slice(cut2, n)

net = nn.Sequential(nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
mse = nn.MSELoss()


def evaluate(sl):
    net.eval()
    with torch.no_grad():
        return mse(net(Xt[sl]).squeeze(-1), yt[sl]).item()


best, best_state, bad = float("inf"), None, 0
for epoch in range(100):
    net.train()
    tl = 0.0
    for idx in torch.randperm(cut1).split(256):
        loss = mse(net(Xt[tr][idx]).squeeze(-1), yt[tr][idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tl += loss.item() * len(idx) / cut1
    v = evaluate(va)
    print(f"epoch {epoch:2d} train {tl:.4f} valid {v:.4f}")
    if v < best - 1e-5:
        best, best_state, bad = v, copy.deepcopy(net.state_dict()), 0
    else:
        bad += 1
        if bad >= 10:
            print("stopping")
            break

net.load_state_dict(best_state)
var = yt[te].var().item()
print("R2 of the true signal %.4f" % (1 - np.mean((y[te] - signal[te]) ** 2) / var))
print("R2 of the network %.4f" % (1 - evaluate(te) / var))
