import torch
import torch.nn as nn


def task(n, length, seed):
    """Weighted sum of a noisy sequence, the late values counting most."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, length, 2, generator=g)
    x[torch.rand(n, generator=g) < 0.02] *= 16
    decay = 0.9 ** torch.arange(length - 1, -1, -1).float()
    return x, (x[..., 0] * decay).sum(1, keepdim=True) / 2


class Memory(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(hidden, 1)
        nn.init.normal_(self.rnn.weight_hh_l0, std=0.17)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -1])


torch.manual_seed(6)
x, y = task(800, 40, 1)
x_test, y_test = task(200, 40, 2)
net = Memory()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
loss_fn = nn.MSELoss()
for epoch in range(10):
    for rows in torch.randperm(800).split(32):
        loss = loss_fn(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        error = loss_fn(net(x_test), y_test).item()
    print(f"epoch {epoch}: test mse {error:.4f}")
