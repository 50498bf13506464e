import numpy as np
import torch


def walks(n, rng):
    y = rng.integers(0, 5, n)
    t = np.linspace(0, 6.28, 30)
    base = np.stack([np.sin((k + 1) * t + k) for k in range(5)])
    return (base[y] + rng.normal(0, 0.7, (n, 30))).astype(np.float32), y.astype(np.int64)


class Recordings:
    """Mini-batches in a mixed order, without a loader."""

    def __init__(self, x, y, size, rng):
        order = rng.permutation(len(x))
        self.x = x[order]
        self.y = y[order]
        self.size = size

    def __len__(self):
        return len(self.x) // self.size

    def __iter__(self):
        for i in range(len(self)):
            part = slice(i * self.size, (i + 1) * self.size)
            yield torch.from_numpy(self.x[part]), torch.from_numpy(self.y[part])


rng = np.random.default_rng(17)
torch.manual_seed(17)
x, y = walks(1800, rng)
xt, yt = walks(400, rng)
data = Recordings(x, y, 60, rng)
net = torch.nn.Sequential(torch.nn.Linear(30, 40), torch.nn.Tanh(), torch.nn.Linear(40, 5))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
for epoch in range(12):
    total = 0.0
    for a, b in data:
        loss = torch.nn.functional.cross_entropy(net(a), b)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / len(data)
    with torch.no_grad():
        acc = (net(torch.from_numpy(xt)).argmax(1).numpy() == yt).mean()
    print(epoch, f"{total:.3f}", f"acc {acc:.3f}")
