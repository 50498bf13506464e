import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(StandardScaler().fit_transform(y[:, None]), dtype=torch.float32)
loader = DataLoader(TensorDataset(X[:350], y[:350]), batch_size=50, shuffle=True)

net = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 1))
criterion = nn.MSELoss(reduction="sum")
optimizer = optim.SGD(net.parameters(), lr=1e-3, weight_decay=0.1)
for epoch in range(25):
    epoch_loss = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print(f"epoch {epoch + 1}, summed loss {epoch_loss:.2f}, per sample {epoch_loss / 350:.4f}")
with torch.no_grad():
    print(f"test mse {nn.functional.mse_loss(net(X[350:]), y[350:]).item():.4f}")
