import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
X = torch.randn(5000, 10)
y = ((X[:, 0] > 1.0) & (X[:, 1] > 0.5)).long()
print("positives", y.float().mean().item())
loader = DataLoader(TensorDataset(X[:4000], y[:4000]), batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        pred = model(X[4000:]).argmax(1)
    hit = [(pred[y[4000:] == c] == c).float().mean().item() for c in (0, 1)]
    print(f"epoch {epoch + 1}: recall {hit[0]:.3f} / {hit[1]:.3f}, accuracy {(hit[0] + hit[1]) / 2:.3f}")
