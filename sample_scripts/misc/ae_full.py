"""Autoencoder of 8x8 digits."""
import torch
from sklearn.datasets import load_digits
from torch import nn


class AutoEncoder(nn.Module):
    def __init__(self, code=6):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, code))
        self.decoder = nn.Sequential(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, 64))
        self.last_code = None

    def forward(self, x):
        code = self.encoder(x)
        self.last_code = code.data
        return self.decoder(code)


def main():
    torch.manual_seed(0)
    x = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
    x = x - x.mean(0)
    train, test = x[:1500], x[1500:]
    model = AutoEncoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(12):
        for rows in torch.randperm(1500).split(50):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(train[rows]), train[rows])
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch:2d} loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        print(f"test mse {nn.functional.mse_loss(model(test), test).item():.4f}")


main()
