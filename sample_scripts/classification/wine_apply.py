import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
wine = load_wine()
order = torch.randperm(178)
X = torch.tensor(StandardScaler().fit_transform(wine.data), dtype=torch.float32)[order]
y = torch.tensor(wine.target)[order]
loader = DataLoader(TensorDataset(X[:140], y[:140]), batch_size=20, shuffle=True)


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight)
        nn.init.zeros_(m.bias)


model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()


def train_step(xb, yb):
    model.train()
    model.apply(weights_init)
    optimizer.zero_grad()
    loss = criterion(model(xb), yb)
    loss.backward()
    optimizer.step()
    return loss.item()


for epoch in range(40):
    losses = [train_step(xb, yb) for xb, yb in loader]
    if epoch % 8 == 7:
        model.eval()
        with torch.no_grad():
            acc = (model(X[140:]).argmax(1) == y[140:]).float().mean().item()
        print(f"epoch {epoch + 1}: train loss {sum(losses) / len(losses):.3f}, test acc {acc:.3f}")
