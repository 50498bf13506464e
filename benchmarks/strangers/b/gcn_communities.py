# Semi-supervised node classification with a two layer GCN (dense adjacency).
# Graph: stochastic block model with 4 communities, weak node features.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def sbm_graph(sizes, p_in, p_out, rng):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n = len(labels)
    same = labels[:, None] == labels[None, :]
    prob = np.where(same, p_in, p_out)
    upper = np.triu(rng.random((n, n)) < prob, k=1)
    adj = (upper | upper.T).astype(np.float32)
    return adj, labels


def node_features(labels, dim, strength, rng):
    centers = rng.normal(size=(labels.max() + 1, dim))
    return (strength * centers[labels] + rng.normal(size=(len(labels), dim))).astype(np.float32)


def sym_normalize(adj):
    deg = adj.sum(dim=1)
    d_inv_sqrt = deg.pow(-0.5)
    return d_inv_sqrt[:, None] * adj * d_inv_sqrt[None, :]


class GraphConv(nn.Module):
    def __init__(self, fin, fout):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fin, fout))
        self.self_weight = nn.Parameter(torch.empty(fin, fout))
        self.bias = nn.Parameter(torch.zeros(fout))
        nn.init.xavier_uniform_(self.weight)
        nn.init.xavier_uniform_(self.self_weight)

    def forward(self, x, a):
        return a @ (x @ self.weight) + x @ self.self_weight + self.bias


class GCN(nn.Module):
    def __init__(self, fin, hid, n_classes, p=0.5):
        super().__init__()
        self.gc1 = GraphConv(fin, hid)
        self.gc2 = GraphConv(hid, n_classes)
        self.p = p

    def forward(self, x, a):
        x = F.dropout(x, 0.2, training=self.training)
        x = F.relu(self.gc1(x, a))
        x = F.dropout(x, self.p, training=self.training)
        return F.log_softmax(self.gc2(x, a), dim=1)


def accuracy(logp, y, idx):
    return (logp[idx].argmax(dim=1) == y[idx]).float().mean().item()


def run(seed=0):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)

    adj_np, labels = sbm_graph([100, 100, 100, 100], p_in=0.045, p_out=0.004, rng=rng)
    x_np = node_features(labels, dim=16, strength=0.5, rng=rng)

    adj = torch.from_numpy(adj_np)
    x = torch.from_numpy(x_np)
    y = torch.from_numpy(labels)

    order = rng.permutation(len(labels))
    idx_train = torch.from_numpy(order[:80])
    idx_val = torch.from_numpy(order[80:160])
    idx_test = torch.from_numpy(order[160:])

    a_hat = sym_normalize(adj)
    model = GCN(x.shape[1], 32, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)

    for epoch in range(150):
        model.train()
        optimizer.zero_grad()
        out = model(x, a_hat)
        loss = F.nll_loss(out[idx_train], y[idx_train])
        loss.backward()
        optimizer.step()

        if (epoch + 1) % 30 == 0:
            model.eval()
            with torch.no_grad():
                out = model(x, a_hat)
            print("epoch {:03d} | loss {:.4f} | val acc {:.3f}".format(
                epoch + 1, loss.item(), accuracy(out, y, idx_val)))

    model.eval()
    with torch.no_grad():
        out = model(x, a_hat)
    return accuracy(out, y, idx_test)


if __name__ == "__main__":
    print("test accuracy {:.4f}".format(run()))
