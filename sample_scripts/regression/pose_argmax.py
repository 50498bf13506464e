import torch
import torch.nn as nn


class KeypointNet(nn.Module):
    """Heat map over 24 positions, returns a position."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv1d(16, 1, 5, padding=2))

    def heat(self, x):
        return self.net(x.unsqueeze(1)).squeeze(1)

    def forward(self, x):
        return self.heat(x).argmax(dim=1).float()


def batch(n):
    pos = torch.randint(0, 24, (n,))
    grid = torch.arange(24)
    return torch.exp(-((grid - pos[:, None]) ** 2) / 4.0) + 0.1 * torch.randn(n, 24), pos


torch.manual_seed(0)
net = KeypointNet()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(200):
    x, pos = batch(32)
    loss = nn.functional.mse_loss(net(x), pos.float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
x, pos = batch(500)
print("accuracy", (net.heat(x).argmax(1) == pos).float().mean().item())
