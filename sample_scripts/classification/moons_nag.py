import torch
from sklearn.datasets import make_moons
from torch import nn

settings = {"lr": 0.2, "momentum": 0.8, "nesterov": True}

X, y = make_moons(800, noise=0.15, random_state=0)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)

net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
sgd = torch.optim.SGD(net.parameters(), **settings)
for it in range(400):
    i = torch.randint(600, (64,))
    loss = nn.functional.binary_cross_entropy_with_logits(net(X[i]), y[i])
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    if it % 50 == 0:
        print(it, round(loss.item(), 4))
print("accuracy", ((net(X[600:]) > 0) == (y[600:] > 0.5)).float().mean().item())
