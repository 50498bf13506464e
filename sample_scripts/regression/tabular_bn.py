import torch
from sklearn.datasets import make_regression
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = make_regression(900, 12, n_informative=8, noise=5.0, random_state=0)
scale = torch.logspace(-1, 2, 12)
X = torch.tensor(X, dtype=torch.float32) * scale + 5 * scale
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1) / 100

train_loader = DataLoader(TensorDataset(X[:700], y[:700]), batch_size=35, shuffle=True)
net = nn.Sequential(
    nn.BatchNorm1d(12), nn.Linear(12, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 1)
)
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)


def r2(net):
    net.eval()
    with torch.no_grad():
        residual = ((net(X[700:]) - y[700:]) ** 2).mean()
    return 1 - (residual / y[700:].var()).item()


print("before training: r2 %.3f" % r2(net))
for epoch in range(8):
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(xb), yb)
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.4f r2 %.3f" % (epoch, loss.item(), r2(net)))
