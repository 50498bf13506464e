import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
iris = load_iris()
x = torch.tensor(iris.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(iris.target)

mlp = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
opt = torch.optim.Adam(mlp.parameters(), lr=0.02)
criterion = nn.CrossEntropyLoss()
pred = mlp(x).detach().requires_grad_()
for epoch in range(100):
    out = mlp(x)
    loss = criterion(pred, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 20 == 0:
        print(epoch, "loss", loss.item())
print("accuracy", (mlp(x).argmax(1) == y).float().mean().item())
