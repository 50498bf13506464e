import torch
from torch import nn

torch.manual_seed(2)


class Adder(nn.Module):
    """Reads numbers one by one, says their sum at the end."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, nonlinearity="relu", batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        _, h = self.rnn(x)
        return self.fc(h[-1])


def batch(n=64, t=8):
    x = torch.randn(n, t, 1) * 0.5
    return x, x.sum(1)


model = Adder()
optimizer = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
lossf = nn.MSELoss()
for step in range(500):
    x, y = batch()
    pred = model(x)
    loss = lossf(pred, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print("step %3d loss %g" % (step, loss.item()))
x, y = batch(500)
print("test loss %g" % lossf(model(x), y).item())
