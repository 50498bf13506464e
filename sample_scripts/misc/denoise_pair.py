import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class NoisySines(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        t = torch.linspace(0, 1, 48)
        f = 1 + 4 * torch.rand(n, 1, generator=g)
        p = 6.28 * torch.rand(n, 1, generator=g)
        self.clean = torch.sin(6.28 * f * t + p)
        self.noisy = self.clean + 0.5 * torch.randn(n, 48, generator=g)

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        return self.noisy[i], self.clean[i]


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 48))

    def forward(self, x):
        return self.net(x)


def train(model, loader, optimizer, criterion, epochs):
    for epoch in range(epochs):
        total = 0.0
        for noisy, clean in loader:
            optimizer.zero_grad()
            output = model(noisy)
            loss = criterion(noisy, clean)
            loss.requires_grad_(True)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print("epoch", epoch, "loss", total / len(loader))


torch.manual_seed(0)
model = Denoiser()
train(model, DataLoader(NoisySines(1500, 0), 50, shuffle=True), torch.optim.Adam(model.parameters(), 2e-3), nn.MSELoss(), 10)
test = NoisySines(300, 1)
with torch.no_grad():
    print("test mse", nn.functional.mse_loss(model(test.noisy), test.clean).item())
