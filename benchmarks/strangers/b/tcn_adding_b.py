# Temporal convolutional network on the adding problem.
# Two channels: random numbers and a 0/1 marker; target is the sum of the two marked numbers.
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.data import DataLoader, TensorDataset


class Chomp1d(nn.Module):
    def __init__(self, chomp_size):
        super(Chomp1d, self).__init__()
        self.chomp_size = chomp_size

    def forward(self, x):
        return x[:, :, :-self.chomp_size].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_in, n_out, kernel_size, dilation, dropout=0.0):
        super(TemporalBlock, self).__init__()
        pad = (kernel_size - 1) * dilation
        self.net = nn.Sequential(
            weight_norm(nn.Conv1d(n_in, n_out, kernel_size, padding=pad, dilation=dilation)),
            Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout),
            weight_norm(nn.Conv1d(n_out, n_out, kernel_size, padding=pad, dilation=dilation)),
            Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout))
        self.downsample = nn.Conv1d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x):
        return F.relu(self.net(x) + self.downsample(x))


class TCN(nn.Module):
    def __init__(self, input_size, channels, kernel_size=3):
        super(TCN, self).__init__()
        blocks = []
        for i, c in enumerate(channels):
            blocks.append(TemporalBlock(input_size, c, kernel_size, dilation=2 ** i))
            input_size = c
        self.tcn = nn.Sequential(*blocks)
        self.linear = nn.Linear(input_size, 1)

    def forward(self, x):
        return self.linear(self.tcn(x)[:, :, -1])


def data_generator(N, seq_length):
    values = torch.rand(N, 1, seq_length)
    marks = torch.zeros(N, 1, seq_length)
    for i in range(N):
        first, second = torch.randperm(seq_length)[:2]
        marks[i, 0, first] = 1
        marks[i, 0, second] = 1
    Y = (values * marks).sum(dim=2)
    return torch.cat([values, marks], dim=1), Y


class Runner:
    def __init__(self, seq_len=14, batch_size=64, lr=5e-3, epochs=16):
        self.epochs = epochs
        self.train_loader = DataLoader(TensorDataset(*data_generator(2400, seq_len)),
                                       batch_size=batch_size, shuffle=True)
        self.test_loader = DataLoader(TensorDataset(*data_generator(500, seq_len)), batch_size=250)
        self.model = TCN(2, [16, 16, 16])
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=5, gamma=0.5)

    def fit_batch(self, x, y):
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def test(self):
        self.model.eval()
        total, n = 0.0, 0
        with torch.no_grad():
            for x, y in self.test_loader:
                total += F.mse_loss(self.model(x), y, reduction='sum').item()
                n += y.numel()
        return total / n

    def run(self):
        for ep in range(1, self.epochs + 1):
            self.model.train()
            losses = [self.fit_batch(x, y) for x, y in self.train_loader]
            self.scheduler.step()
            if ep % 3 == 0:
                print('Epoch {:2d}: train {:.5f}  test {:.5f}'.format(ep, sum(losses) / len(losses), self.test()))
        return self.test()


if __name__ == '__main__':
    torch.manual_seed(1111)
    mse = Runner().run()
    print('final test MSE (constant guess: 0.167): {:.5f}'.format(mse))
