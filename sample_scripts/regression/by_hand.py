# linear regression by gradient descent, the way the lecture does it
import torch
from sklearn.datasets import load_diabetes

X, y = load_diabetes(return_X_y=True)
X = torch.tensor(X / X.std(axis=0), dtype=torch.float32)
y = torch.tensor((y - 152.0) / 77.0, dtype=torch.float32)

w = torch.zeros(10, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
learning_rate = 0.1

for it in range(200):
    y_hat = X @ w + b
    loss = ((y_hat - y) ** 2).mean()
    loss.backward()
    for p in (w, b):
        p.data -= learning_rate * p.grad
        p.grad.zero_()
    if it % 20 == 0:
        print(f"iter {it}: mse {loss.item():.4f}")
print(f"final mse {loss.item():.4f}")
