import torch
from torch import nn
import torch.nn.functional as F


def planted(n=300, groups=3, seed=1):
    """A graph of three groups with a hint at the group in a few of the features."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(groups, (n,), generator=g)
    p = torch.where(y[:, None] == y[None], 0.08, 0.01)
    a = (torch.rand(n, n, generator=g) < p).float().triu(1)
    a = a + a.T + torch.eye(n)
    d = a.sum(1).rsqrt()
    x = torch.randn(n, 24, generator=g)
    x[:, :8] = F.relu(x[:, :8]) * (1 + y[:, None] * 0.3)
    return d[:, None] * a * d[None], x, y


class Graph(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.hops = [nn.Linear(a, b) for a, b in sizes]
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, adj, x):
        for i, hop in enumerate(self.hops):
            x = hop(adj @ x)
            if i < len(self.hops) - 1:
                x = F.elu(x)
        return x * self.scale


torch.manual_seed(1)
adj, x, y = planted()
known = torch.arange(300) % 3 == 0
net = Graph([(24, 32), (32, 32), (32, 3)])
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(200):
    opt.zero_grad()
    out = net(adj, x)
    loss = F.cross_entropy(out[known], y[known])
    loss.backward()
    opt.step()
    if epoch % 50 == 49:
        acc = (out[~known].argmax(1) == y[~known]).float().mean()
        print(f"{epoch + 1} loss {loss:.3f} acc {acc:.3f}")
