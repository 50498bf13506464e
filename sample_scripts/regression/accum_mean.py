import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Bumps(Dataset):
    """Position of a bump in a noisy line of 32 pixels."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.pos = torch.rand(n, generator=g) * 2 - 1
        grid = torch.linspace(-1, 1, 32)
        self.line = torch.exp(-((grid - self.pos[:, None]) ** 2) / 0.02)
        self.line += 0.1 * torch.randn(n, 32, generator=g)

    def __len__(self):
        return len(self.pos)

    def __getitem__(self, i):
        return self.line[i][None], self.pos[i:i + 1]


class Locator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 8, 5, 2, 2), nn.ReLU(),
            nn.Conv1d(8, 16, 5, 2, 2), nn.ReLU(),
        )
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.fc(self.conv(x))


class Trainer:
    def __init__(self, grad_accum=16):
        torch.manual_seed(0)
        self.loader = DataLoader(Bumps(1024, 1), batch_size=8, shuffle=True)
        self.test = DataLoader(Bumps(256, 2), batch_size=256)
        self.net = Locator()
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        self.grad_accum = grad_accum

    def epoch(self):
        self.net.train()
        self.opt.zero_grad()
        total = 0.0
        for step, (x, y) in enumerate(self.loader):
            loss = nn.functional.mse_loss(self.net(x), y)
            (loss / self.grad_accum).backward()
            if (step + 1) % self.grad_accum == 0:
                self.opt.step()
                self.opt.zero_grad()
            total += loss.item()
        return total / len(self.loader)

    @torch.no_grad()
    def score(self):
        self.net.eval()
        x, y = next(iter(self.test))
        return nn.functional.mse_loss(self.net(x), y).item()


trainer = Trainer()
for epoch in range(10):
    print(epoch, f"{trainer.epoch():.4f}")
print(f"test mse {trainer.score():.4f}")
