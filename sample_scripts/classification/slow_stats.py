import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
perm = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
train, test = perm[:134], perm[134:]
loader = DataLoader(TensorDataset(X[train], y[train]), batch_size=22, shuffle=True, drop_last=True)

model = nn.Sequential(
    nn.BatchNorm1d(13, momentum=1e-3), nn.Linear(13, 32), nn.BatchNorm1d(32, momentum=1e-3), nn.ReLU(), nn.Linear(32, 3)
)
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(20):
    model.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        out = model(X[test])
        val = nn.functional.cross_entropy(out, y[test]).item()
        acc = (out.argmax(1) == y[test]).float().mean().item()
    print(f"epoch {epoch} train {loss.item():.3f} val {val:.3f} acc {acc:.3f}")
