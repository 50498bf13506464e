"""Tomorrow's temperature from the last two weeks (synthetic)."""
import math
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

WINDOW = 14


class Weather(Dataset):
    def __init__(self, start, days):
        g = torch.Generator().manual_seed(start)
        t = torch.arange(start, start + days, dtype=torch.float32)
        noise = torch.randn(days, generator=g)
        for i in range(1, days):
            noise[i] = 0.7 * noise[i - 1] + 0.3 * noise[i]
        self.series = torch.sin(2 * math.pi * t / 73) + 0.4 * torch.sin(2 * math.pi * t / 9) + 0.3 * noise

    def __len__(self):
        return len(self.series) - WINDOW

    def __getitem__(self, i):
        return self.series[i:i + WINDOW].unsqueeze(-1), self.series[i + WINDOW]


class DailyLSTM(nn.Module):
    def __init__(self, hidden_size=20):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1])


def mse_loss(a, b):
    return torch.mean((a - b) ** 2)


def main():
    torch.manual_seed(0)
    train_loader = DataLoader(Weather(0, 1000), batch_size=40, shuffle=True, num_workers=2)
    test_loader = DataLoader(Weather(2000, 300), batch_size=300)
    model = DailyLSTM()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(8):
        total = 0.0
        for window, nxt in train_loader:
            optimizer.zero_grad()
            forecast = model(window)
            loss = mse_loss(forecast[:, 0], nxt)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} {total / len(train_loader):.4f}")
    with torch.no_grad():
        for window, nxt in test_loader:
            print(f"test mse {mse_loss(model(window).flatten(), nxt):.4f}")


if __name__ == "__main__":
    main()
