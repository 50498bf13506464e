import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

# 20 bits, the label is the parity of five of them
N_TRAIN = 150
torch.manual_seed(4)
bits = torch.randint(0, 2, (4000, 20)).float() * 2 - 1
target = (bits[:, [1, 4, 7, 11, 16]].prod(dim=1) > 0).long()

train_dl = DataLoader(TensorDataset(bits[:N_TRAIN], target[:N_TRAIN]), batch_size=25, shuffle=True)
valid_dl = DataLoader(TensorDataset(bits[3000:], target[3000:]), batch_size=500)

net = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2))
loss_func = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

steps = 0
epoch = 0
while steps < 900:
    epoch += 1
    net.train()
    train_loss = 0.0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = loss_func(net(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() / len(train_dl)
        steps += 1
    net.eval()
    with torch.no_grad():
        valid = sum(loss_func(net(xb), yb).item() for xb, yb in valid_dl) / len(valid_dl)
    if steps % 150 < len(train_dl):
        print(f"after {steps} steps: train loss {train_loss:.4f}, valid loss {valid:.4f}")
print(f"valid loss {valid:.4f}")
