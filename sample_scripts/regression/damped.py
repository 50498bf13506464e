import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import StandardScaler

torch.manual_seed(33)
X, y = make_friedman1(900, noise=0.3, random_state=33)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)

net = nn.Sequential(nn.Linear(10, 48), nn.GELU(), nn.Linear(48, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.95, dampening=0.95)

for epoch in range(12):
    for rows in torch.randperm(700).split(25):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(X[rows]).squeeze(-1), y[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = nn.functional.mse_loss(net(X[700:]).squeeze(-1), y[700:]).item()
    print(f"epoch {epoch}: val mse {val:.4f}")
