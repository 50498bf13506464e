import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes


def data():
    X, y = load_diabetes(return_X_y=True)
    X = torch.tensor(X, dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
    return (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()


class Regressor(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.layers(x)


torch.manual_seed(2)
X, y = data()
model = Regressor(X.shape[1])
optimizer = torch.optim.SGD(
    model.parameters(),
    lr=1e-3,
    momentum=0.9,
    maximize=True,
)
loss_fn = nn.MSELoss()
for epoch in range(20):
    for rows in torch.randperm(350).split(25):
        optimizer.zero_grad()
        loss = loss_fn(model(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = loss_fn(model(X[350:]), y[350:]).item()
    print(f"epoch {epoch:2d} val mse {val:.4f}")
