"""An image as a function of the pixel position: one small network for each quadrant."""
import torch
from sklearn.datasets import load_digits
from torch import nn


class Implicit(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.lift = nn.Linear(2, width)
        self.parts = {
            name: nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
            for name in ("nw", "ne", "sw", "se")
        }
        self.final = nn.Linear(width, 1)

    def forward(self, pos):
        h = torch.sin(4 * self.lift(pos))
        out = torch.zeros_like(h)
        for name, net in self.parts.items():
            south = pos[:, :1] > 0 if name[0] == "s" else pos[:, :1] <= 0
            east = pos[:, 1:] > 0 if name[1] == "e" else pos[:, 1:] <= 0
            out = torch.where(south & east, net(h), out)
        return self.final(out)


torch.manual_seed(0)
digits = torch.tensor(load_digits().images[:16] / 16.0, dtype=torch.float32)
canvas = digits.view(4, 4, 8, 8).permute(0, 2, 1, 3).reshape(32, 32)
axis = torch.linspace(-1, 1, 32)
pos = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
target = canvas.reshape(-1, 1)

model = Implicit()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for it in range(700):
    opt.zero_grad()
    loss = ((model(pos) - target) ** 2).mean()
    loss.backward()
    opt.step()
    if it % 100 == 0:
        print(f"{it} mse {loss.item():.5f}")
print(f"final mse {loss.item():.5f}")
