import torch
from sklearn.datasets import make_moons
from torch import nn

X, y = make_moons(600, noise=0.18, random_state=4)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)


def make_model():
    return nn.Sequential(nn.Linear(2, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))


torch.manual_seed(9)
model = make_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_fn = nn.BCEWithLogitsLoss()

for it in range(400):
    batch = torch.randint(0, 600, (60,))
    logit = model(X[batch]).squeeze(-1)
    loss = loss_fn(logit, y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 80 == 0:
        print(f"iter {it} loss {loss.item():.4f}")

with torch.no_grad():
    acc = ((model(X).squeeze(-1) > 0).float() == y).float().mean()
print(f"accuracy {acc:.3f}")
