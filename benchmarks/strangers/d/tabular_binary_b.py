# quick baseline for the tumour data, bf16 autocast
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(66)

X, y = load_breast_cancer(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.25, random_state=66, stratify=y)
sc = StandardScaler().fit(Xtr)
Xtr, Xte = (torch.tensor(sc.transform(a), dtype=torch.float32) for a in (Xtr, Xte))
ytr, yte = (torch.tensor(a, dtype=torch.float32) for a in (ytr, yte))


class SqueezeExcite(nn.Module):
    def __init__(self, d, r=4):
        super().__init__()
        self.down, self.up = nn.Linear(d, d // r), nn.Linear(d // r, d)

    def forward(self, x):
        return x * torch.sigmoid(self.up(torch.relu(self.down(x))))


class Baseline(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.a = nn.Linear(d, 40)
        self.se = SqueezeExcite(40)
        self.b = nn.Linear(40, 1)

    def forward(self, x):
        return self.b(self.se(torch.relu(self.a(x))))


def predict(model, x):
    model.eval()
    with torch.no_grad():
        return (torch.sigmoid(model(x)) > 0.5).float()


def score(pred, target):
    return (pred.squeeze(1) == target).float().mean().item()


model = Baseline(X.shape[1])
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(20):
    model.train()
    order = torch.randperm(len(Xtr))
    total = 0.0
    for start in range(0, len(order), 32):
        rows = order[start:start + 32]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logit = model(Xtr[rows])
        loss = criterion(logit.float().squeeze(1), ytr[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    if epoch % 4 == 3:
        train_acc = score(predict(model, Xtr), ytr)
        test_acc = score(predict(model, Xte), yte)
        print(f"epoch {epoch + 1:2d} loss {total / len(Xtr):.4f} train acc {train_acc:.4f} test acc {test_acc:.4f}")
