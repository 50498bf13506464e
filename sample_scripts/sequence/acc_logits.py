"""Does the second half of a sequence sum to more than the first? GRU, one logit."""
import torch
import torch.nn as nn


class Halves(nn.Module):
    def __init__(self, hidden=12):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[0][:, -1]).squeeze(-1)


def sample(n):
    x = torch.randn(n, 12, 1)
    return x, (x[:, 6:].sum((1, 2)) > x[:, :6].sum((1, 2))).float()


torch.manual_seed(0)
model = Halves()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
val_x, val_y = sample(1000)
for step in range(1, 181):
    x, y = sample(32)
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        model.eval()
        with torch.no_grad():
            out = model(val_x)
            acc = (out.round() == val_y).float().mean().item()
        model.train()
        print(f"step {step} loss {loss.item():.3f} val accuracy {acc:.3f}")
