import numpy as np
import torch

torch.manual_seed(0)
rng = np.random.default_rng(0)
n, d = 60, 40
w = np.zeros(d)
w[:8] = rng.normal(size=8)
X = rng.normal(size=(n + 400, d))
y = X @ w + 2.0 * rng.normal(size=n + 400)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).view(-1, 1)
x_fit, y_fit, x_val, y_val = X[:n], y[:n], X[n:], y[n:]

model = torch.nn.Linear(d, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=0.8)
mse = torch.nn.MSELoss()

for epoch in range(200):
    model.train()
    perm = torch.randperm(n)
    epoch_loss = 0.0
    for k in range(0, n, 20):
        rows = perm[k:k + 20]
        loss = mse(model(x_fit[rows]), y_fit[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        epoch_loss += loss.item() / 3
    model.eval()
    with torch.no_grad():
        val_loss = mse(model(x_val), y_val).item()
    if epoch % 20 == 19:
        print(f"epoch {epoch + 1} train {epoch_loss:.4f} val loss {val_loss:.4f}")
