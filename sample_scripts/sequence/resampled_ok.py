import torch
from torch import nn

torch.manual_seed(5)
freq = torch.randint(0, 3, (1500,))
t = torch.linspace(0, 6.28, 24)
waves = torch.sin(t * (freq.float()[:, None] + 1) + torch.rand(1500, 1) * 6.28) + 0.1 * torch.randn(1500, 24)
x_train, y_train = waves[:1200], freq[:1200]
x_test, y_test = waves[1200:], freq[1200:]

conv = nn.Sequential(
    nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(),
    nn.Conv1d(16, 16, 5, padding=2), nn.ReLU(),
    nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 3),
)
opt = torch.optim.Adam(conv.parameters(), lr=4e-3)

for step in range(250):
    pick = torch.randint(1200, (40,))
    x, y = x_train[pick], y_train[pick]
    loss = nn.functional.cross_entropy(conv(x.unsqueeze(1)), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if (step + 1) % 50 == 0:
        with torch.no_grad():
            acc = (conv(x_test.unsqueeze(1)).argmax(1) == y_test).float().mean().item()
        print(f"step {step + 1}: loss {loss.item():.3f}, accuracy {acc:.3f}")
