import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.utils import shuffle

SEED = 23
N_TRAIN = 60
torch.manual_seed(SEED)

X, y = load_diabetes(return_X_y=True)
X, y = shuffle(X, y, random_state=SEED)
X = torch.tensor(X / X.std(0), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32).reshape(-1, 1)
X_val, y_val = X[342:], y[342:]
X, y = X[:N_TRAIN], y[:N_TRAIN]

net = nn.Sequential(nn.Linear(10, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 1))
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=0.1)

for epoch in range(160):
    for idx in torch.randperm(len(X)).split(15):
        loss = loss_fn(net(X[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            print("epoch %3d  train %.4f  val mse %.4f" % (epoch + 1, loss_fn(net(X), y), loss_fn(net(X_val), y_val)))
