import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)


class MLP(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, 32), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(32, 16), nn.ReLU(),
            nn.Linear(16, 2),
        )

    def forward(self, x):
        return self.net(x)


def to_tensor(a, dtype=torch.float32):
    return torch.as_tensor(a, dtype=dtype)


def train_one_fold(X, y, epochs=40):
    scaler = StandardScaler().fit(X)
    X = to_tensor(scaler.transform(X))
    y = to_tensor(y, torch.long)
    model = MLP(X.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        model.train()
        perm = torch.randperm(len(X))
        for k in range(0, len(X), 32):
            idx = perm[k:k + 32]
            loss = loss_fn(model(X[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        train_acc = (model(X).argmax(1) == y).float().mean().item()
    return model, scaler, train_acc


def score(model, scaler, X, y):
    model.eval()
    with torch.no_grad():
        logits = model(to_tensor(X))
    return (logits.argmax(1) == to_tensor(y, torch.long)).float().mean().item()


X, y = load_breast_cancer(return_X_y=True)
folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
results = []
for f, (tr, te) in enumerate(folds.split(X, y)):
    model, scaler, train_acc = train_one_fold(X[tr], y[tr])
    acc = score(model, scaler, X[te], y[te])
    results.append(acc)
    print(f"fold {f}: train {train_acc:.4f}  held-out {acc:.4f}")

print(f"mean held-out accuracy: {sum(results) / len(results):.4f}")
