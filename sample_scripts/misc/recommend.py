import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

N_USERS, N_ITEMS = 150, 120
rng = np.random.default_rng(5)
user_taste = rng.normal(size=(N_USERS, 4))
item_kind = rng.normal(size=(N_ITEMS, 4))
affinity = user_taste @ item_kind.T
pairs = [(u, i, float(affinity[u, i] > 2.0)) for u in range(N_USERS) for i in rng.permutation(N_ITEMS)[:60]]
rng.shuffle(pairs)
users = torch.tensor([p[0] for p in pairs])
items = torch.tensor([p[1] for p in pairs])
clicked = torch.tensor([p[2] for p in pairs])
cut = int(0.85 * len(pairs))
train = TensorDataset(users[:cut], items[:cut], clicked[:cut])
loader = DataLoader(train, batch_size=128, shuffle=True)


class Recommender(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.user = nn.Embedding(N_USERS, dim)
        self.item = nn.Embedding(N_ITEMS, dim)
        self.hidden = nn.Linear(2 * dim, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, u, i):
        a, b = self.user(u), self.item(i)
        h = torch.relu(self.hidden(torch.cat([a * b, a + b], dim=1)))
        return torch.sigmoid(self.out(h)).squeeze(1)


torch.manual_seed(0)
net = Recommender()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)

for epoch in range(6):
    net.train()
    total = 0.0
    for u, i, y in loader:
        scores = net(u, i)
        loss = criterion(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    net.eval()
    with torch.no_grad():
        p = net(users[cut:], items[cut:])
        held = nn.functional.binary_cross_entropy(p, clicked[cut:])
    print(f"epoch {epoch:2d}  train {total / cut:.4f}  nll {held:.3f}")
