import torch
from sklearn.datasets import make_classification
from sklearn.metrics import accuracy_score
from torch import nn, optim

torch.manual_seed(0)
X, y = make_classification(1500, 30, n_informative=10, class_sep=1.2, flip_y=0.02, random_state=4)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
Xtr, ytr, Xva, yva = X[:1200], y[:1200], X[1200:], y[1200:]

model = nn.Sequential(
    nn.Linear(30, 128), nn.ReLU(), nn.Dropout(0.8), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.8), nn.Linear(64, 1)
)
bce = nn.BCEWithLogitsLoss()
opt = optim.Adam(model.parameters(), lr=3e-3)


def run(train):
    model.train()
    if not train:
        with torch.no_grad():
            out = model(Xva).squeeze(1)
        return bce(out, yva).item(), accuracy_score(yva.numpy(), (out > 0).numpy())
    total = 0.0
    for idx in torch.randperm(len(Xtr)).split(60):
        opt.zero_grad()
        loss = bce(model(Xtr[idx]).squeeze(1), ytr[idx])
        loss.backward()
        opt.step()
        total += loss.item()
    return total / 20, None


for epoch in range(20):
    train_loss, _ = run(True)
    val_loss, acc = run(False)
    print(f"{epoch:2d} train {train_loss:.4f} accuracy {acc:.4f} val loss {val_loss:.4f}")
