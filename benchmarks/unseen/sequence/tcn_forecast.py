import torch

torch.manual_seed(9)
t = torch.arange(0, 3000, dtype=torch.float32)
series = torch.sin(t / 7) + 0.5 * torch.sin(t / 2.3 + 1) + 0.1 * torch.randn(3000)
WINDOW = 32


class Causal(torch.nn.Module):
    def __init__(self, channels=24):
        super().__init__()
        self.layers = torch.nn.ModuleList(
            torch.nn.Conv1d(1 if i == 0 else channels, channels, 3, dilation=2**i) for i in range(4)
        )
        self.last = torch.nn.Conv1d(channels, 1, 1)

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            pad = torch.nn.functional.pad(x, (2 * 2**i, 0))
            y = torch.relu(layer(pad))
            x = y if x.shape[1] == 1 else x + y
        return self.last(x)[:, 0]


net = Causal()
optimiser = torch.optim.RMSprop(net.parameters(), lr=5e-4)
for step in range(350):
    start = torch.randint(0, 2500 - WINDOW - 1, (48,))
    rows = series[start[:, None] + torch.arange(WINDOW + 1)]
    guess = net(rows[:, None, :-1])
    error = torch.mean((guess - rows[:, 1:]) ** 2)
    error.backward()
    optimiser.zero_grad()
    optimiser.step()
    if step % 50 == 0:
        print(f"{step:4d} {error.item():.4f}")

with torch.no_grad():
    rows = series[2600:2965].unfold(0, WINDOW + 1, 11)
    final = ((net(rows[:, None, :-1]) - rows[:, 1:])[:, -8:] ** 2).mean()
print("test mse", float(final))
