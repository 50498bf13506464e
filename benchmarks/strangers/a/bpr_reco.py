"""BPR recommender with sparse embedding gradients."""
import numpy as np
import torch
from torch import nn

torch.manual_seed(14)
gen = np.random.default_rng(14)

U, I, F_, POS = 300, 500, 5, 40
tu, ti = gen.normal(0, 1, (U, F_)), gen.normal(0, 1, (I, F_))
pop = gen.normal(0, 0.7, I)
score = 1.3 * tu @ ti.T + pop + gen.gumbel(0, 1, (U, I))
liked = np.argsort(-score, axis=1)[:, :POS]
for row in liked:
    gen.shuffle(row)
train_pos, test_pos = liked[:, :32], liked[:, 32:]
seen = np.zeros((U, I), bool)
np.put_along_axis(seen, train_pos, True, 1)
users = np.repeat(np.arange(U), 32)
items = train_pos.reshape(-1)


class BPR(nn.Module):
    def __init__(self, k=12):
        super().__init__()
        self.u = nn.Embedding(U, k, sparse=True)
        self.i = nn.Embedding(I, k, sparse=True)
        self.b = nn.Embedding(I, 1, sparse=True)
        nn.init.normal_(self.u.weight, 0, 0.1)
        nn.init.normal_(self.i.weight, 0, 0.1)
        nn.init.zeros_(self.b.weight)

    def forward(self, u, i):
        return (self.u(u) * self.i(i)).sum(-1) + self.b(i).squeeze(-1)


model = BPR()
optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.01)


def auc():
    with torch.no_grad():
        s = (model.u.weight @ model.i.weight.T + model.b.weight.T).numpy()
    vals = []
    for u in range(U):
        neg = np.ones(I, bool)
        neg[liked[u]] = False
        vals.append((s[u, test_pos[u]][:, None] > s[u, neg][None]).mean())
    return float(np.mean(vals))


print("AUC at start %.3f" % auc())
for epoch in range(20):
    order = gen.permutation(len(users))
    total = 0.0
    for k in range(0, len(order), 256):
        o = order[k:k + 256]
        u, i = users[o], items[o]
        j = gen.integers(0, I, len(o))
        bad = seen[u, j]
        u, i, j = (torch.as_tensor(a[~bad]) for a in (u, i, j))
        loss = -nn.functional.logsigmoid(model(u, i) - model(u, j)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 4 == 3:
        print("epoch %d  summed loss %.1f  AUC %.4f" % (epoch + 1, total, auc()))

oracle = 1.3 * tu @ ti.T + pop
vals = [(oracle[u, test_pos[u]][:, None] > np.delete(oracle[u], liked[u])[None]).mean() for u in range(U)]
print("AUC of the true preferences %.4f" % np.mean(vals))
print("AUC %.4f" % auc())
