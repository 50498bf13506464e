import torch
import torch.nn as nn
import torch.nn.functional as F

# semi-supervised node classification, 8 labelled nodes per class
torch.manual_seed(40)
N, C, WORDS = 1200, 6, 400

y = torch.arange(N) % C
same = (y[:, None] == y[None]).float()
A = torch.bernoulli(torch.triu(same * 0.018 + (1 - same) * 0.0012, 1))
A = A + A.T
topic = 0.02 + 0.10 * (torch.rand(C, WORDS) < 0.08)
X = torch.bernoulli(topic[y])
X = X / X.sum(1, keepdim=True).clamp(min=1)

train_mask = torch.zeros(N, dtype=torch.bool)
for c in range(C):
    nodes = (y == c).nonzero().flatten()
    train_mask[nodes[torch.randperm(len(nodes))[:8]]] = True
val_mask = torch.zeros(N, dtype=torch.bool)
val_mask[(~train_mask).nonzero().flatten()[torch.randperm(N - 48)[:300]]] = True
test_mask = ~(train_mask | val_mask)


def propagate(A):
    A = A + torch.eye(N)
    d = A.sum(1).pow(-0.5)
    return d[:, None] * A * d


S = propagate(A)


class GCN(nn.Module):
    def __init__(self, hidden=32, p=0.6):
        super().__init__()
        self.w1 = nn.Parameter(nn.init.xavier_uniform_(torch.empty(WORDS, hidden)))
        self.w2 = nn.Parameter(nn.init.xavier_uniform_(torch.empty(hidden, C)))
        self.p = p

    def forward(self, x):
        x = F.dropout(x, self.p, self.training)
        h = F.relu(S @ (x @ self.w1))
        h = F.dropout(h, self.p, self.training)
        return F.log_softmax(S @ (h @ self.w2), dim=1)


model = GCN()
opt = torch.optim.Adam([
    dict(params=[model.w1], weight_decay=5e-3),
    dict(params=[model.w2], weight_decay=0.0),
], lr=0.02)

best_val = best_test = 0.0
for epoch in range(200):
    model.train()
    opt.zero_grad()
    out = model(X)
    F.nll_loss(out[train_mask], y[train_mask]).backward()
    opt.step()

    model.eval()
    with torch.no_grad():
        hit = (model(X).argmax(1) == y).float()
    va, te = hit[val_mask].mean().item(), hit[test_mask].mean().item()
    if va > best_val:
        best_val, best_test = va, te
    if epoch % 40 == 0:
        print(f"{epoch:03d} val {va:.3f} test {te:.3f}")

print(f"best val {best_val:.3f}")
print(f"test accuracy at best val {best_test:.4f}")
