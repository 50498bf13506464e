import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_breast_cancer()
X = torch.tensor(data.data, dtype=torch.float32)
X = (X - X[:400].mean(0)) / X[:400].std(0)
y = torch.tensor(data.target, dtype=torch.float32)
loader = DataLoader(TensorDataset(X[:400], y[:400]), batch_size=20, shuffle=True)

net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=0.005)

for epoch in range(8):
    total_loss = 0
    for xb, yb in loader:
        opt.zero_grad()
        loss = criterion(net(xb).squeeze(1), yb)
        loss.backward()
        opt.step()
        total_loss += loss
    print(f"epoch {epoch}: {total_loss / len(loader):.4f}")

with torch.no_grad():
    print("accuracy", ((net(X[400:]).squeeze(1) > 0) == y[400:].bool()).float().mean().item())
