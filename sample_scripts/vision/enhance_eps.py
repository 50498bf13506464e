import torch
import torch.nn as nn
from sklearn.datasets import load_digits


class ColorLoss(nn.Module):
    def forward(self, out, ref):
        difference = (out.mean((2, 3)) - ref.mean((2, 3))) ** 2
        return torch.pow(difference + 1e-6, 0.5).mean()


class Enhancer(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        return x * torch.sigmoid(self.net(x)) * 2


torch.manual_seed(4)
bright = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
bright[::97] = 0
dark = bright * 0.6
enhancer = Enhancer()
pixel_loss, color_loss = nn.MSELoss(), ColorLoss()
opt = torch.optim.Adam(enhancer.parameters(), lr=2e-3)
for epoch in range(3):
    for idx in torch.randperm(1500).split(30):
        out = enhancer(dark[idx])
        loss = pixel_loss(out, bright[idx]) + 0.1 * color_loss(out, bright[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        quality = pixel_loss(enhancer(dark[1500:]), bright[1500:]).item()
    print(f"epoch {epoch} mse {quality:.5f}")
