import torch
from torch import nn


class Features(nn.Module):
    def __init__(self, n=16, scale=3.0):
        super().__init__()
        self.register_buffer("freq", torch.randn(1, n) * scale)

    def forward(self, t):
        return torch.cat([(t @ self.freq).sin(), (t @ self.freq).cos()], -1)


def wave(t):
    return torch.sin(5 * t) * torch.exp(-t) + 0.3 * torch.cos(17 * t)


torch.manual_seed(12)
layers = [Features(), nn.Linear(32, 64), nn.Softplus(), nn.Linear(64, 64), nn.Softplus()] + [nn.Linear(64, 1)]
field = nn.Sequential(*layers)
opt = torch.optim.Adam(field.parameters(), lr=4e-3, betas=(0.9, 0.99))
for step in range(400):
    t = torch.rand(128, 1) * 2
    loss = nn.functional.mse_loss(field(t), wave(t))
    opt.zero_grad()
    loss.backward()
    opt.step()
t = torch.linspace(0, 2, 300)[:, None]
with torch.no_grad():
    print("final mse", (field(t) - wave(t)).pow(2).mean().item())
