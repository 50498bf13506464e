"""Models that are large, or in many pieces."""

from __future__ import annotations

GIANT = """
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 22_000), nn.ReLU(), nn.Linear(22_000, 22_000), nn.ReLU(), nn.Linear(22_000, 1))
    print(sum(p.numel() * p.element_size() for p in net.parameters()) / 1e9, "GB")
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for step in range(4):
        x = torch.randn(4, 4)
        loss = (net(x) - x.sum(1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""

MANY = """
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ParameterList([nn.Parameter(0.01 * torch.randn(3)) for _ in range(10_000)])
            self.head = nn.Linear(3, 1)

        def forward(self, x):
            return self.head(x + torch.stack(list(self.parts)).mean(0))

    net = Sum()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for step in range(20):
        x = torch.randn(8, 3)
        loss = (net(x) - x.sum(1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
