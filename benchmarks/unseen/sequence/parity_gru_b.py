import torch
from torch import nn

torch.manual_seed(8)


def make(n):
    """Which of the four channels was loudest over all sixteen steps."""
    x = torch.randn(n, 16, 4)
    return x, x.sum(1).argmax(1)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 40, batch_first=True)
        self.fc = nn.Linear(40, 4)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.fc(out[:, -1, :])


X, Y = make(2400)
XV, YV = make(600)
reader = Reader()
opt = torch.optim.Adam(reader.parameters(), lr=6e-3)
for epoch in range(7):
    reader.train()
    perm = torch.randperm(2400)
    for i in range(0, 2400, 60):
        b = perm[i : i + 60]
        opt.zero_grad()
        loss = nn.functional.cross_entropy(reader(X[b]), Y[b])
        loss.backward()
        opt.step()
    reader.eval()
    with torch.no_grad():
        acc = sum((reader(XV[i : i + 60]).argmax(1) == YV[i : i + 60]).sum().item() for i in range(0, 600, 60)) / 600
    print("epoch %d accuracy %.3f" % (epoch, acc))
