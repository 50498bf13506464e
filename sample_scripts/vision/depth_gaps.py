import torch
import torch.nn as nn
import torch.nn.functional as F


def scenes(n, seed):
    """Small pictures whose brightness falls with distance; the sensor misses a few pixels."""
    g = torch.Generator().manual_seed(seed)
    slope = torch.rand(n, 1, 1, 1, generator=g)
    ramp = torch.linspace(0, 1, 12).view(1, 1, 12, 1).expand(n, 1, 12, 12)
    depth = 0.5 + slope * ramp
    picture = 1 / depth + 0.05 * torch.randn(n, 1, 12, 12, generator=g)
    depth = depth.clone()
    depth[torch.rand(n, 1, 12, 12, generator=g) < 0.0002] = float("nan")
    return picture, depth


class Depth(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 1, 1)
        )

    def forward(self, x):
        return self.body(x)


def main():
    torch.manual_seed(0)
    picture, depth = scenes(320, 3)
    test_picture, test_depth = scenes(60, 4)
    good = ~test_depth.isnan()
    net = Depth()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(10):
        for idx in torch.randperm(len(picture)).split(16):
            predicted = net(picture[idx])
            loss = F.mse_loss(predicted, depth[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            error = F.mse_loss(net(test_picture)[good], test_depth[good]).item()
        print(f"epoch {epoch} mse {error:.5f}")


main()
