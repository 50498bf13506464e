# coding: utf-8
# Matrix factorization with biases on a synthetic ratings table (MovieLens-like).
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.RandomState(42)
torch.manual_seed(42)

N_USERS, N_ITEMS, RANK, N_RATINGS = 200, 120, 4, 9000


def synth_ratings():
    P = rng.normal(0, 1.0, (N_USERS, RANK))
    Q = rng.normal(0, 1.0, (N_ITEMS, RANK))
    bu = rng.normal(0, 0.3, N_USERS)
    bi = rng.normal(0, 0.3, N_ITEMS)
    cells = rng.choice(N_USERS * N_ITEMS, N_RATINGS, replace=False)
    u, i = cells // N_ITEMS, cells % N_ITEMS
    r = 3.2 + bu[u] + bi[i] + 0.45 * (P[u] * Q[i]).sum(1) + rng.normal(0, 0.2, N_RATINGS)
    return u, i, np.clip(r, 0.5, 6.0)


class FactorModel(nn.Module):
    """r(u, i) = mu + b_u + b_i + <p_u, q_i>"""

    def __init__(self, sizes, k, mean):
        super().__init__()
        self.mean = mean
        self.bias = nn.ModuleDict({name: nn.Embedding(n, 1) for name, n in sizes.items()})
        self.factors = {name: nn.Embedding(n, k) for name, n in sizes.items()}
        for table in self.bias.values():
            nn.init.zeros_(table.weight)
        for table in self.factors.values():
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, user, item):
        dot = (self.factors['user'](user) * self.factors['item'](item)).sum(-1)
        b = self.bias['user'](user) + self.bias['item'](item)
        return self.mean + b.squeeze(-1) + dot

    def penalty(self, user, item):
        p, q = self.factors['user'](user), self.factors['item'](item)
        return (p.pow(2).sum(-1) + q.pow(2).sum(-1)).mean()


def batches(*arrays, size=256):
    order = torch.randperm(len(arrays[0]))
    for chunk in order.split(size):
        yield [a[chunk] for a in arrays]


def rmse(model, user, item, rating):
    model.eval()
    with torch.no_grad():
        return F.mse_loss(model(user, item), rating).sqrt().item()


u, i, r = synth_ratings()
U = torch.as_tensor(u, dtype=torch.long)
I = torch.as_tensor(i, dtype=torch.long)
R = torch.as_tensor(r, dtype=torch.float32)
split = int(0.85 * N_RATINGS)
train, test = (U[:split], I[:split], R[:split]), (U[split:], I[split:], R[split:])

mu = train[2].mean().item()
model = FactorModel({'user': N_USERS, 'item': N_ITEMS}, RANK, mu)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
lam = 1e-3

for epoch in range(40):
    model.train()
    se, n = 0.0, 0
    for user, item, rating in batches(*train):
        pred = model(user, item)
        mse = F.mse_loss(pred, rating)
        loss = mse + lam * model.penalty(user, item)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        se += mse.item() * len(rating)
        n += len(rating)
    if epoch % 10 == 9:
        print('epoch %d: train rmse %.4f, test rmse %.4f' % (epoch + 1, (se / n) ** 0.5, rmse(model, *test)))

print('std of test ratings: %.4f' % test[2].std().item())
print('test RMSE: %.4f' % rmse(model, *test))
