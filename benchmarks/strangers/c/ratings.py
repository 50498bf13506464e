import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader


def fake_ratings(n_users=300, n_items=200, n=12000, k=4, seed=11):
    rs = np.random.RandomState(seed)
    U, V = rs.randn(n_users, k), rs.randn(n_items, k)
    bu, bi = 0.4 * rs.randn(n_users), 0.6 * rs.randn(n_items)
    u, i = rs.randint(0, n_users, n), rs.randint(0, n_items, n)
    r = 3.4 + bu[u] + bi[i] + 0.45 * (U[u] * V[i]).sum(1) + 0.2 * rs.randn(n)
    return np.rec.fromarrays([u, i, r.clip(1, 5)], names="user,item,rating")


class RatingSet(Dataset):
    def __init__(self, df):
        self.rows = df

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        r = self.rows[k]
        return int(r["user"]), int(r["item"]), float(r["rating"])


def collate(rows):
    u, i, r = zip(*rows)
    return torch.tensor(u), torch.tensor(i), torch.tensor(r, dtype=torch.float32)


class BiasedMF(nn.Module):
    def __init__(self, n_users, n_items, dim=8, mean=0.0):
        super().__init__()
        self.p = nn.Embedding(n_users, dim)
        self.q = nn.Embedding(n_items, dim)
        self.bu = nn.Embedding(n_users, 1)
        self.bi = nn.Embedding(n_items, 1)
        for e in (self.p, self.q):
            nn.init.normal_(e.weight, std=0.1)
        for e in (self.bu, self.bi):
            nn.init.zeros_(e.weight)
        self.mean = mean

    def forward(self, u, i):
        dot = (self.p(u) * self.q(i)).sum(-1)
        return self.mean + dot + self.bu(u).squeeze(-1) + self.bi(i).squeeze(-1)


def rmse(model, loader):
    model.eval()
    err = n = 0
    with torch.no_grad():
        for u, i, r in loader:
            err += ((model(u, i) - r) ** 2).sum().item()
            n += len(r)
    return (err / n) ** 0.5


torch.manual_seed(0)
df = fake_ratings()
mask = np.random.RandomState(5).rand(len(df)) < 0.9
train_df, test_df = df[mask], df[~mask]
train_loader = DataLoader(RatingSet(train_df), batch_size=128, shuffle=True, collate_fn=collate)
test_loader = DataLoader(RatingSet(test_df), batch_size=1024, collate_fn=collate)

model = BiasedMF(300, 200, mean=float(train_df.rating.mean()))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=14)
loss_fn = nn.MSELoss()

print("start rmse %.4f" % rmse(model, test_loader))
for epoch in range(14):
    model.train()
    running = 0.0
    for u, i, r in train_loader:
        optimizer.zero_grad()
        pred = model(u, i)
        loss = loss_fn(pred, r)
        loss.backward()
        running += loss.item()
    optimizer.step()
    scheduler.step()
    print("epoch %02d  mse %.4f  test rmse %.4f" % (epoch, running / len(train_loader), rmse(model, test_loader)))
