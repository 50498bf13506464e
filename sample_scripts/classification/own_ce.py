import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

torch.manual_seed(16)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor(scale(X), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
net = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())


def log_loss(p, t):
    return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()


optimizer = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)
train, test = slice(0, 450), slice(450, None)
for epoch in range(60):
    for rows in torch.randperm(450).split(30):
        p = net(X[rows]).squeeze(1)
        loss = log_loss(p, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            acc = ((net(X[test]).squeeze(1) > 0.5) == y[test].bool()).float().mean().item()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f} acc {acc:.4f}")
