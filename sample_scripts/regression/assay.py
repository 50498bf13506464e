"""Compound activity from 50 descriptors (simulated)."""
import numpy as np
import torch
from torch import nn

N_COMPOUNDS = 60


def simulate(n, rng, d=50):
    x = rng.normal(size=(n, d))
    effect = np.linspace(1.2, -1.2, 10)
    activity = np.maximum(x[:, :10] @ effect, -1.0) + 0.8 * x[:, 11] * x[:, 12] + rng.normal(scale=0.7, size=n)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(activity[:, None], dtype=torch.float32)


rng = np.random.default_rng(8)
torch.manual_seed(8)
x_train, y_train = simulate(N_COMPOUNDS, rng)
x_test, y_test = simulate(800, rng)

model = nn.Sequential(nn.Linear(50, 128), nn.ReLU(), nn.Linear(128, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.MSELoss()

for step in range(900):
    rows = torch.randint(0, N_COMPOUNDS, (30,))
    optimizer.zero_grad()
    loss = criterion(model(x_train[rows]), y_train[rows])
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        model.eval()
        with torch.no_grad():
            test_loss = criterion(model(x_test), y_test)
        model.train()
        print(f"step {step}: train loss {loss.item():.4f}, test loss {test_loss.item():.4f}")
print(f"variance of the activity {y_test.var().item():.3f}")
with torch.no_grad():
    print(f"final test mse {criterion(model(x_test), y_test).item():.4f}")
