"""Skip-gram with negative sampling on a made-up language of topics."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

V, TOPICS, DIM = 120, 6, 16
rng = np.random.default_rng(0)
torch.manual_seed(0)


def sentence():
    t = rng.integers(TOPICS)
    return t * 20 + rng.integers(0, 20, size=10)


def pairs(n):
    out = []
    while len(out) < n:
        s = sentence()
        i, j = rng.choice(10, 2, replace=False)
        out.append((s[i], s[j]))
    return torch.tensor(np.array(out))


class SGNS(nn.Module):
    def __init__(self):
        super().__init__()
        self.ivec = nn.Embedding(V, DIM, sparse=True)
        self.ovec = nn.Embedding(V, DIM, sparse=True)
        nn.init.uniform_(self.ivec.weight, -0.5, 0.5)
        nn.init.uniform_(self.ovec.weight, -0.5, 0.5)

    def forward(self, centre, context, n_neg=5):
        i = self.ivec(centre).unsqueeze(2)
        o = self.ovec(context).unsqueeze(1)
        n = self.ovec(torch.randint(0, V, (len(centre), n_neg))).neg()
        oloss = torch.bmm(o, i).squeeze().sigmoid().log()
        nloss = torch.bmm(n, i).squeeze().sigmoid().log().mean(1)
        return -(oloss + nloss).mean()


net = SGNS()
optim = torch.optim.SparseAdam(list(net.parameters()), lr=0.05)
for step in range(400):
    b = pairs(64)
    loss = net(b[:, 0], b[:, 1])
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 50 == 0:
        print(step, f"loss {loss.item():.4f}")

vec = F.normalize(net.ivec.weight.detach(), dim=1)
sim = vec @ vec.T
sim.fill_diagonal_(-1)
nearest = sim.argmax(1)
print("same-topic accuracy", (nearest // 20 == torch.arange(V) // 20).float().mean().item())
