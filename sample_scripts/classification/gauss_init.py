import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(64, 100)
        self.hidden2 = nn.Linear(100, 100)
        self.output = nn.Linear(100, 10)
        for layer in (self.hidden1, self.hidden2, self.output):
            nn.init.normal_(layer.weight, 0.0, 1.0)

    def forward(self, x):
        x = torch.tanh(self.hidden1(x))
        x = torch.tanh(self.hidden2(x))
        return self.output(x)


def batches(x, y, size):
    order = torch.randperm(len(x))
    for start in range(0, len(x), size):
        rows = order[start:start + size]
        yield x[rows], y[rows]


torch.manual_seed(10)
X, y = load_digits(return_X_y=True)
X = (X - X.mean()) / X.std()
a, b, c, d = train_test_split(X, y, test_size=0.2, random_state=10)
x_train, x_test = torch.tensor(a, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)
y_train, y_test = torch.tensor(c), torch.tensor(d)
model = Perceptron()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
for epoch in range(10):
    for xb, yb in batches(x_train, y_train, 32):
        loss = nn.functional.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch}: {loss.item():.3f} accuracy {accuracy:.3f}")
