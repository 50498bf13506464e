"""Node classification on a stochastic block model with noisy node features."""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Cfg:
    nodes: int = 800
    classes: int = 5
    feat: int = 200
    hidden: int = 16
    layers: int = 2
    p_in: float = 0.02
    p_out: float = 0.003
    lr: float = 0.01
    epochs: int = 150
    seed: int = 0


def make_graph(cfg):
    y = torch.randint(0, cfg.classes, (cfg.nodes,))
    same = y[:, None] == y[None, :]
    prob = torch.where(same, torch.tensor(cfg.p_in), torch.tensor(cfg.p_out))
    a = torch.triu((torch.rand_like(prob) < prob).float(), 1)
    a = a + a.T + torch.eye(cfg.nodes)
    dinv = a.sum(1).rsqrt()
    adj = dinv[:, None] * a * dinv[None, :]
    centers = torch.randn(cfg.classes, cfg.feat)
    centers[:, 20:] = 0
    x = centers[y] + 1.5 * torch.randn(cfg.nodes, cfg.feat)
    return x, adj, y


class GraphConv(nn.Module):
    def __init__(self, din, dout):
        super().__init__()
        self.lin = nn.Linear(din, dout)

    def forward(self, x, adj):
        return adj @ self.lin(x)


class GCN(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.convs = []
        d = cfg.feat
        for _ in range(cfg.layers):
            self.convs.append(GraphConv(d, cfg.hidden))
            d = cfg.hidden
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(cfg.hidden, cfg.classes)

    def forward(self, x, adj):
        for conv in self.convs:
            x = F.relu(conv(x, adj))
        return self.head(self.drop(x))


def main(cfg=Cfg()):
    torch.manual_seed(cfg.seed)
    x, adj, y = make_graph(cfg)
    perm = torch.randperm(cfg.nodes)
    tr, te = perm[:500], perm[500:]
    model = GCN(cfg)
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr, weight_decay=1e-3)
    for ep in range(cfg.epochs):
        model.train()
        opt.zero_grad()
        logits = model(x, adj)
        loss = F.cross_entropy(logits[tr], y[tr])
        loss.backward()
        opt.step()
        if ep % 25 == 0:
            print(f"{ep:4d} {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        pred = model(x, adj).argmax(-1)
    print("train acc %.3f" % (pred[tr] == y[tr]).float().mean())
    print("test acc %.4f" % (pred[te] == y[te]).float().mean())


if __name__ == "__main__":
    main()
