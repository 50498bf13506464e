import torch
import torch.nn as nn

torch.manual_seed(0)
T, B, H = 10, 16, 24


class Tracker(nn.Module):
    """Keeps a leaky average of what it has read; state goes on from chunk to chunk."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRU(1, H)
        self.readout = nn.Linear(H, 1)

    def forward(self, x, h):
        out, h = self.cell(x, h)
        return self.readout(out), h


def stream(steps):
    level = torch.zeros(B, 1)
    for _ in range(steps):
        xs, ys = [], []
        for _ in range(T):
            x = torch.randn(B, 1)
            level = 0.8 * level + 0.4 * x
            xs.append(x)
            ys.append(level)
        yield torch.stack(xs), torch.stack(ys)


model = Tracker()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
hidden = torch.zeros(1, B, H)

for i, (x, y) in enumerate(stream(250)):
    hidden = hidden.detach()
    pred, hidden = model(x, hidden)
    loss = ((pred - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 25 == 0:
        print(f"chunk {i} mse {loss.item():.4f}")
print(f"last mse {loss.item():.4f}")
