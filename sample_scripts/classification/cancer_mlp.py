import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

torch.manual_seed(99)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)

perm = torch.randperm(len(X))
train_idx, test_idx = perm[:455], perm[455:]

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)

epochs, bs = 25, 32
for e in range(epochs):
    shuffled = train_idx[torch.randperm(len(train_idx))]
    total_loss, count = 0.0, 0
    for k in range(0, len(shuffled), bs):
        b = shuffled[k:k + bs]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), y[b])
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(b)
        count += len(b)
    print(f"Epoch {e}: {total_loss / count:.5f}")

with torch.no_grad():
    p = torch.sigmoid(model(X[test_idx])) > 0.5
print(f"Accuracy {(p == y[test_idx].bool()).float().mean():.3f}")
