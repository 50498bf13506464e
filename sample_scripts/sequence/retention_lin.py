import torch
import torch.nn as nn
import torch.nn.functional as F

AMINO = 12
WEIGHT = torch.randn(AMINO, generator=torch.Generator().manual_seed(40))


def peptides(n, seed, length=9):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, AMINO, (n, length), generator=g)
    time = WEIGHT[ids].sum(1) - 0.5 * WEIGHT[ids[:, 0]]
    return ids, time / 3


class Retention(nn.Module):
    def __init__(self, dim=16, hidden=32):
        super().__init__()
        self.emb = nn.Embedding(AMINO, dim)
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, ids):
        _, (h, _) = self.lstm(self.emb(ids))
        return self.out(h[-1]).squeeze(-1)


torch.manual_seed(40)
ids, rt = peptides(1200, 1)
test_ids, test_rt = peptides(300, 2)
rt_mean, rt_std = rt.mean(), rt.std()
rt, test_rt = (rt - rt_mean) / rt_std, (test_rt - rt_mean) / rt_std
net = Retention()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for idx in torch.randperm(len(ids)).split(40):
        loss = F.mse_loss(net(ids[idx]), rt[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        r2 = 1 - F.mse_loss(net(test_ids), test_rt) / test_rt.var()
    print(f"epoch {epoch} r2 {r2:.4f}")
