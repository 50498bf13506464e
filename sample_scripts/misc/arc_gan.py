import torch
import torch.nn as nn

torch.manual_seed(0)
LATENT, BATCH = 4, 64


def real(n):
    """Points on the upper half of a circle of radius 2."""
    angle = torch.rand(n) * torch.pi
    return torch.stack([2 * angle.cos(), 2 * angle.sin()], 1) + 0.05 * torch.randn(n, 2)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(LATENT, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, z):
        return self.net(z)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


generator, critic = Generator(), Critic()
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.99))
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.99))
bce = nn.BCEWithLogitsLoss()
yes, no = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

for it in range(800):
    fake = generator(torch.randn(BATCH, LATENT)).detach()
    loss_c = bce(critic(real(BATCH)), yes) + bce(critic(fake), no)
    opt_c.zero_grad()
    loss_c.backward()
    opt_c.step()

    loss_g = bce(critic(fake), yes)
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if it % 100 == 0:
        print(f"{it} critic {loss_c.item():.3f} generator {loss_g.item():.3f}")

with torch.no_grad():
    points = generator(torch.randn(1000, LATENT))
print(f"distance from the arc, mean error {(points.norm(dim=1) - 2).abs().mean():.4f}")
