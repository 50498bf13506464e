import torch
from torch import nn
from sklearn.datasets import load_digits


class AutoEncoder(nn.Module):
    def __init__(self, code=12):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, code))
        self.dec = nn.Sequential(nn.Linear(code, 40), nn.ReLU(), nn.Linear(40, 64))

    def forward(self, x):
        return self.dec(self.enc(x))


def batches(x, size):
    order = torch.randperm(x.shape[0])
    return [x[order[i:i + size]] for i in range(0, x.shape[0], size)]


torch.manual_seed(77)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
x = x - x.mean(0)
ae = AutoEncoder()
opt = torch.optim.RMSprop(ae.parameters(), lr=1e-6)
for epoch in range(10):
    s = 0.0
    for b in batches(x, 64):
        opt.zero_grad()
        rec = ae(b)
        loss = nn.functional.mse_loss(rec, b)
        loss.backward()
        opt.step()
        s += float(loss)
    print(f"epoch {epoch} reconstruction {s / 29:.5f}")
print("variance of the data %.5f" % x.var().item())
print("reconstruction mse %.5f" % nn.functional.mse_loss(ae(x), x).item())
