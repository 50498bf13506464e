import torch
import torch.nn as nn
from sklearn.datasets import make_circles


class Deep(nn.Module):
    def __init__(self, inputs, depth):
        super().__init__()
        self.enter = nn.Linear(inputs, 32)
        self.layers = nn.ModuleList([nn.Linear(32, 32) for _ in range(depth)])
        self.leave = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.sigmoid(self.enter(x))
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return self.leave(x).squeeze(1)


torch.manual_seed(7)
X, y = make_circles(1200, noise=0.05, factor=0.6, random_state=7)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
model = Deep(2, 6)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(15):
    for rows in torch.randperm(1000).split(40):
        loss = criterion(model(X[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = ((model(X[1000:]) > 0) == y[1000:].bool()).float().mean()
    print(f"epoch {epoch}, loss {loss.item():.3f}, acc {acc:.3f}")
