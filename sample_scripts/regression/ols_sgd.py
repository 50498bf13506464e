import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes

X, y = load_diabetes(return_X_y=True, scaled=False)
X = (X - X.mean(axis=0)) / X.std(axis=0)
y = (y - y.mean()) / y.std()
X = torch.from_numpy(X).float()
y = torch.from_numpy(y).float().unsqueeze(1)

model = nn.Linear(10, 1)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(100):
    optimizer.zero_grad()
    output = model(X[:350])
    loss = criterion(output, y[:350])
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 20 == 0:
        print(f"Epoch [{epoch+1}/100], Loss: {loss.item():.4f}")

print("R2 on the rest:", 1 - criterion(model(X[350:]), y[350:]).item() / y[350:].var().item())
