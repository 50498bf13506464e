import torch
import torch.nn as nn


class PulseCounter(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        out, state = self.lstm(x, state)
        return self.fc(out), state


def repackage(state):
    h, c = state
    return h.detach(), c.detach()


def stream(batch=8, length=12):
    ago = torch.zeros(batch)
    while True:
        pulse = (torch.rand(batch, length) < 0.2).float()
        target = torch.empty(batch, length)
        for t in range(length):
            ago = torch.where(pulse[:, t] > 0, torch.ones(batch), 0.8 * ago)
            target[:, t] = ago
        yield pulse.unsqueeze(-1), target.unsqueeze(-1)


def main():
    torch.manual_seed(0)
    net = PulseCounter()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    criterion = nn.MSELoss()
    source, state = stream(), None
    for step in range(200):
        x, y = next(source)
        if state is not None:
            state = repackage(state)
        out, state = net(x, state)
        loss = criterion(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(step, loss.item())
    print("last mse", loss.item())


if __name__ == "__main__":
    main()
