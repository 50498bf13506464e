"""Reads how thick a digit is drawn from the codes of a small pretrained encoder."""
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def pca_encoder(x, k=20):
    centre = x.mean(0)
    _, s, vt = torch.linalg.svd(x - centre, full_matrices=False)
    enc = nn.Linear(x.shape[1], k)
    scale = s[:k] / np.sqrt(len(x))
    with torch.no_grad():
        enc.weight.copy_(vt[:k] / scale[:, None])
        enc.bias.copy_(-(vt[:k] @ centre) / scale)
    return enc


class Probe(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        with torch.no_grad():
            z = self.encoder(x)
        return self.net(z)


torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
ink = ((x > 0.5).float().sum(1, keepdim=True) - 20) / 4
model = Probe(pca_encoder(x[:1500]))
loader = DataLoader(TensorDataset(x[:1500], ink[:1500]), batch_size=50, shuffle=True)
optimizer = torch.optim.SGD(model.net.parameters(), lr=0.05, momentum=0.9)
loss_fn = nn.MSELoss()
for epoch in range(12):
    for xb, tb in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), tb)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} mse {loss.item():.4f}")
print(f"test mse {loss_fn(model(x[1500:]), ink[1500:]).item():.4f}")
