import numpy as np
import torch

np.random.seed(5)
n, d = 400, 6
X = np.random.randn(n, d).astype("float32")
w_true = np.array([1.5, -2.0, 0.7, 0.0, 3.0, -1.0], dtype="float32")
Y = X @ w_true + 0.5 + 0.1 * np.random.randn(n).astype("float32")
X, Y = torch.from_numpy(X), torch.from_numpy(Y)[:, None]

net = torch.nn.Sequential(torch.nn.Linear(d, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))
optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
history = []
for it in range(200):
    i = torch.randint(0, n, (40,))
    optimiser.zero_grad()
    cost = torch.nn.functional.mse_loss(net(X[i]), Y[i])
    cost.backward()
    optimiser.step()
    history.append(cost.item())
    if it % 20 == 0:
        print("iteration", it, "cost", history[-1])

with torch.no_grad():
    print("final rmse", ((net(X) - Y) ** 2).mean().sqrt().item())
