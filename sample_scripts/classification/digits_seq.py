import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits

x, y = load_digits(return_X_y=True)
x = torch.FloatTensor(x) / 16
y = torch.LongTensor(y)
g = torch.Generator().manual_seed(0)
p = torch.randperm(len(x), generator=g)
x, y = x[p], y[p]
dl = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=50, shuffle=True)

model = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 10))
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.5)

for epoch in range(12):
    tot = 0.0
    for xb, yb in dl:
        out = model(xb)
        loss = loss_fn(out, yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        tot += loss.item()
    print("epoch", epoch, "loss", tot / len(dl))

model.eval()
with torch.no_grad():
    pred = model(x[1500:]).argmax(-1)
print("acc", (pred == y[1500:]).float().mean().item())
