import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(5)
days = 6000
signals = rng.normal(size=(days, 16)).astype("float32")
returns = 0.25 * signals[:, 0] - 0.2 * signals[:, 4] + rng.standard_t(6, size=days) * 0.8
returns = torch.tensor(returns, dtype=torch.float32)[:, None]
signals = torch.tensor(signals)
train = DataLoader(TensorDataset(signals[:5000], returns[:5000]), batch_size=100, shuffle=True)

torch.manual_seed(5)
model = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
mse = nn.MSELoss()
for epoch in range(6):
    model.train()
    for xb, yb in train:
        optimizer.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        error = mse(model(signals[5000:]), returns[5000:]).item()
    print(f"epoch {epoch + 1} test r2 {1 - error / returns[5000:].var().item():.4f}")
