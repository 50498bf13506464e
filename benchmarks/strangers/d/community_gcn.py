import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def block_graph(n=400, k=4, p_in=0.06, p_out=0.008, seed=0):
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(k), n // k)
    rng.shuffle(label)
    prob = np.where(label[:, None] == label[None, :], p_in, p_out)
    up = np.triu(rng.random((n, n)) < prob, 1)
    adj = (up | up.T).astype(np.float32)
    feat = rng.normal(0, 1, (n, 16)).astype(np.float32)
    feat[np.arange(n), label] += 0.6
    return torch.from_numpy(adj), torch.from_numpy(feat), torch.from_numpy(label)


def normalise(adj):
    a = adj + torch.eye(len(adj))
    d = a.sum(1).rsqrt()
    return d[:, None] * a * d[None, :]


class GraphConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(i, o))
        self.bias = nn.Parameter(torch.zeros(o))

    def forward(self, a, x):
        return a @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, n_feat, hidden, n_class, depth=4, p=0.2):
        super().__init__()
        dims = [n_feat] + [hidden] * (depth - 1) + [n_class]
        self.convs = nn.ModuleList(GraphConv(a, b) for a, b in zip(dims, dims[1:]))
        self.p = p
        self.reset_parameters()

    def reset_parameters(self):
        for c in self.convs:
            nn.init.normal_(c.weight, 0.1)

    def forward(self, a, x):
        for c in self.convs[:-1]:
            x = F.dropout(F.relu(c(a, x)), self.p, self.training)
        return self.convs[-1](a, x)


def masks(n, seed=1):
    order = np.random.default_rng(seed).permutation(n)
    m = torch.zeros(3, n, dtype=torch.bool)
    m[0, order[:120]] = True
    m[1, order[120:220]] = True
    m[2, order[220:]] = True
    return m


def main():
    torch.manual_seed(0)
    adj, x, y = block_graph()
    a = normalise(adj)
    train, val, test = masks(len(y))
    net = GCN(x.shape[1], 192, 4)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=5e-4)
    best = (0.0, 0.0)
    for epoch in range(60):
        net.train()
        opt.zero_grad()
        loss = F.cross_entropy(net(a, x)[train], y[train])
        loss.backward()
        opt.step()
        net.eval()
        with torch.no_grad():
            pred = net(a, x).argmax(1)
        va = (pred[val] == y[val]).float().mean().item()
        te = (pred[test] == y[test]).float().mean().item()
        if va > best[0]:
            best = (va, te)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1:3d} loss {loss.item():10.4f} val {va:.3f} test {te:.3f}")
    print(f"last test accuracy {te:.4f} (best on val {best[1]:.4f})")


if __name__ == "__main__":
    main()
