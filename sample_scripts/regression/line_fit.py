import numpy as np
import torch
import torch.nn as nn

# y = 10 + 9a - 2b + noise
n = 100
rng = np.random.default_rng(1)
a = rng.normal(size=n)
b = rng.normal(size=n)
y = 10 + 9 * a - 2 * b + rng.normal(size=n)

X = torch.tensor(np.column_stack([a, b]), dtype=torch.float32)
t = torch.tensor(y, dtype=torch.float32)

model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.MSELoss()

for i in range(30):
    optimizer.zero_grad()
    yhat = model(X)
    loss = criterion(yhat, t)
    loss.backward()
    optimizer.step()
    if i % 5 == 0:
        print(i, loss.item())

with torch.no_grad():
    res = model(X).numpy().ravel() - y
print("mse", (res ** 2).mean())
