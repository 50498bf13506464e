# contrastive pretraining + linear probe
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

torch.manual_seed(44)
TEMP = 0.05


def augment(x):
    """x: N,1,8,8 -> shifted, scaled, noisy copy"""
    n = len(x)
    theta = torch.zeros(n, 2, 3)
    ang = (torch.rand(n) - 0.5) * 0.6
    s = 0.85 + 0.3 * torch.rand(n)
    theta[:, 0, 0], theta[:, 0, 1] = s * ang.cos(), -s * ang.sin()
    theta[:, 1, 0], theta[:, 1, 1] = s * ang.sin(), s * ang.cos()
    theta[:, :, 2] = (torch.rand(n, 2) - 0.5) * 0.3
    out = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)
    return out + 0.1 * torch.randn_like(out)


class Encoder(nn.Module):
    def __init__(self, dim=64, proj=32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 16, dim),
        )
        self.proj = nn.Sequential(nn.ReLU(), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, proj))

    def forward(self, x):
        return F.normalize(self.proj(self.body(x)), dim=1)


def nt_xent(a, b):
    z = torch.cat([a, b])
    sim = z @ z.T / TEMP
    sim.fill_diagonal_(float("-inf"))
    n = len(a)
    target = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(sim, target)


def probe(enc, xt, yt, xv, yv):
    enc.eval()
    with torch.no_grad():
        ft, fv = enc.body(xt), enc.body(xv)
    m, s = ft.mean(0), ft.std(0) + 1e-6
    clf = LogisticRegression(max_iter=300).fit(((ft - m) / s).numpy(), yt)
    return clf.score(((fv - m) / s).numpy(), yv)


d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 0.6
xt, xv, yt, yv = x[:1300], x[1300:], d.target[:1300], d.target[1300:]
few = slice(0, 100)
enc = Encoder()
opt = torch.optim.AdamW(enc.parameters(), lr=2e-3, weight_decay=1e-4)
print("probe before %.4f" % probe(enc, xt[few], yt[few], xv, yv))
for epoch in range(12):
    enc.train()
    tot = n = 0
    for idx in torch.randperm(len(xt)).split(130):
        loss = nt_xent(enc(augment(xt[idx])), enc(augment(xt[idx])))
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item()
        n += 1
    if epoch % 3 == 2:
        print("epoch %d nt-xent %.4f probe accuracy %.4f" % (epoch + 1, tot / n, probe(enc, xt[few], yt[few], xv, yv)))
