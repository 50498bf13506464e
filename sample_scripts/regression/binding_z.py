import torch
from torch import nn
from sklearn.datasets import make_friedman1

torch.manual_seed(30)
X, y = make_friedman1(1000, n_features=8, noise=0.5, random_state=30)
X = torch.tensor(X, dtype=torch.float32) * 2 - 1
y = torch.tensor(y * 40 + 900, dtype=torch.float32).unsqueeze(1)
y = (y - y.mean()) / y.std()

model = nn.Sequential(
    nn.Linear(8, 40), nn.Tanh(),
    nn.Linear(40, 40), nn.Tanh(),
    nn.Linear(40, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=0.0005)

for epoch in range(15):
    for batch in torch.randperm(800).split(20):
        prediction = model(X[batch])
        loss = criterion(prediction, y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        rest = criterion(model(X[800:]), y[800:]).item()
        r2 = 1 - rest / y[800:].var(unbiased=False).item()
    print(f"epoch {epoch + 1} loss {loss.item():.4g} r2 {r2:.4f}")
