"""Self-supervised twins with a slow target network; knn accuracy as the monitor."""
import copy
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


def backbone(d_out=32):
    return nn.Sequential(nn.Linear(160, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, d_out))


def projector(d_in, d_out=32):
    return nn.Sequential(nn.Linear(d_in, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, d_out))


class Twins(nn.Module):
    def __init__(self, tau=0.95):
        super().__init__()
        self.online = nn.Sequential(backbone(), projector(32))
        self.predictor = projector(32)
        self.target = copy.deepcopy(self.online)
        for p in self.target.parameters():
            p.requires_grad = False
        self.tau = tau

    def match(self, a, b, temperature=0.2):
        q = F.normalize(self.predictor(self.online(a)), dim=1)
        with torch.no_grad():
            z = F.normalize(self.target(b), dim=1)
        return F.cross_entropy(q @ z.T / temperature, torch.arange(len(q)))

    @torch.no_grad()
    def move_target(self):
        for o, t in zip(self.online.parameters(), self.target.parameters()):
            t.mul_(self.tau).add_(o, alpha=1 - self.tau)


def augment(x):
    img = x.view(-1, 8, 8)
    dy, dx = torch.randint(-1, 2, (2,)).tolist()
    img = torch.roll(img, (dy, dx), (1, 2))
    img = img * (torch.rand_like(img) > 0.15) + 0.08 * torch.randn_like(img)
    return record((img * (0.8 + 0.4 * torch.rand(len(x), 1, 1))).flatten(1))


def record(x):
    """every recording has 96 further channels with nothing but hiss"""
    return torch.cat([x, 0.5 * torch.randn(len(x), 96)], 1)


@torch.no_grad()
def knn(model, xa, ya, xb, yb, k=5):
    model.eval()
    f = lambda v: F.normalize(model.online[0](record(v)), dim=1)
    idx = (f(xb) @ f(xa).T).topk(k).indices
    vote = ya[idx].mode(1).values
    model.train()
    return (vote == yb).float().mean().item()


torch.manual_seed(4)
d = load_digits()
x, y = torch.tensor(d.data).float() / 16, torch.tensor(d.target)
xa, ya, xb, yb = x[:1300], y[:1300], x[1300:], y[1300:]
model = Twins()
opt = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=2e-3, weight_decay=1e-3)
print(f"epoch -1 knn {knn(model, xa, ya, xb, yb):.4f}")
for epoch in range(40):
    tot, n = 0.0, 0
    for idx in torch.randperm(len(xa)).split(130):
        u, v = augment(xa[idx]), augment(xa[idx])
        loss = (model.match(u, v) + model.match(v, u)) / 2
        opt.zero_grad()
        loss.backward()
        opt.step()
        model.move_target()
        tot, n = tot + loss.item(), n + 1
    if epoch % 5 == 4:
        print(f"epoch {epoch} loss {tot / n:.4f} knn {knn(model, xa, ya, xb, yb):.4f}")
