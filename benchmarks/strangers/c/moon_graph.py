"""Graph convolution, semi-supervised (few labelled nodes), full batch, plain update rule."""
import torch
import torch.nn as nn
from sklearn.datasets import make_moons
from sklearn.neighbors import kneighbors_graph


def build(n=800, k=8):
    xy, lab = make_moons(n, noise=0.12, random_state=3)
    a = torch.tensor(kneighbors_graph(xy, k).toarray(), dtype=torch.float32)
    a = ((a + a.T) > 0).float() + torch.eye(n)
    s = a.sum(1).rsqrt()
    return s[:, None] * a * s[None, :], torch.tensor(xy, dtype=torch.float32), torch.tensor(lab)


class GraphConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(i, o))
        self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, adj, h):
        return adj @ (h @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, i, hidden, o, p=0.3):
        super().__init__()
        self.g1, self.g2, self.g3 = GraphConv(i, hidden), GraphConv(hidden, hidden), GraphConv(hidden, o)
        self.p = nn.Dropout(p)

    def forward(self, adj, x):
        h = torch.relu(self.g1(adj, x))
        h = h + torch.relu(self.g2(adj, self.p(h)))
        return torch.log_softmax(self.g3(adj, self.p(h)), dim=1)


class PlainSGD:
    """velocity kept by hand; the gradients are dropped after use"""

    def __init__(self, params, lr, mu):
        self.params = list(params)
        self.lr, self.mu = lr, mu
        self.v = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def apply(self):
        for p, v in zip(self.params, self.v):
            v.mul_(self.mu).add_(p.grad)
            p -= self.lr * v
            p.grad = None


def main():
    torch.manual_seed(15)
    adj, x, y = build()
    mask = torch.zeros(len(y), dtype=torch.bool)
    mask[torch.randperm(len(y), generator=torch.Generator().manual_seed(2))[:40]] = True
    net = GCN(2, 32, 2)
    sgd = PlainSGD(net.parameters(), lr=0.1, mu=0.9)
    nll = nn.NLLLoss()
    for epoch in range(151):
        net.train()
        out = net(adj, x)
        loss = nll(out[mask], y[mask])
        loss.backward()
        sgd.apply()
        if epoch % 25 == 0:
            net.eval()
            with torch.no_grad():
                acc = (net(adj, x)[~mask].argmax(1) == y[~mask]).float().mean().item()
            print(f"epoch {epoch} loss {loss.item():.4f} unlabelled acc {acc:.4f}")


if __name__ == "__main__":
    main()
