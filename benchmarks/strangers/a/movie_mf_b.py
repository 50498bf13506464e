"""Matrix factorisation for ratings, with user and item biases."""
import torch
from torch import nn

torch.manual_seed(8)

n_users, n_items, rank = 400, 250, 4
P = torch.randn(n_users, rank) * 0.6
Q = torch.randn(n_items, rank) * 0.6
bu = 0.4 * torch.randn(n_users)
bi = 0.5 * torch.randn(n_items)
u = torch.randint(0, n_users, (30000,))
i = torch.randint(0, n_items, (30000,))
r = (3.4 + bu[u] + bi[i] + (P[u] * Q[i]).sum(1) + 0.3 * torch.randn(len(u))).clamp(1, 5)
n_train = 25000
global_mean = r[:n_train].mean()


class MF(nn.Module):
    def __init__(self, k=8):
        super().__init__()
        self.user = nn.Embedding(n_users, k)
        self.item = nn.Embedding(n_items, k)
        self.user_bias = nn.Embedding(n_users, 1)
        self.item_bias = nn.Embedding(n_items, 1)
        for e in (self.user, self.item):
            nn.init.normal_(e.weight, std=0.1)
        for e in (self.user_bias, self.item_bias):
            nn.init.zeros_(e.weight)
        self.mean = global_mean

    def forward(self, u, i):
        dot = (self.user(u) * self.item(i)).sum(-1)
        return self.mean + dot + self.user_bias(u).squeeze(-1) + self.item_bias(i).squeeze(-1)


model = MF()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)
loss_fn = nn.MSELoss()
batch_size = 512


def rmse(lo, hi):
    model.eval()
    with torch.no_grad():
        return loss_fn(model(u[lo:hi], i[lo:hi]), r[lo:hi]).sqrt().item()


for epoch in range(1, 26):
    model.train()
    order = torch.randperm(n_train)
    for start in range(0, n_train, batch_size):
        b = order[start:start + batch_size]
        optimizer.zero_grad()
        loss = loss_fn(model(u[b], i[b]), r[b])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        print("epoch", epoch, "train rmse %.4f" % rmse(0, n_train), "test rmse %.4f" % rmse(n_train, len(r)))

print("rating std %.4f" % r.std())
print("test rmse %.4f" % rmse(n_train, len(r)))
