import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader, random_split

SEED = 11
torch.manual_seed(SEED)
np.random.seed(SEED)

# ---- data: 10 raw sensor channels, 5 gases -------------------------------
n, d, k = 3000, 10, 5
y = np.random.randint(0, k, n)
gain = 10 ** np.random.uniform(0, 3.5, d)
offset = gain * np.random.uniform(3, 30, d)
proto = np.random.randn(k, d)
conc = np.random.uniform(0.6, 1.4, (n, 1))
z = conc * proto[y] + 0.6 * np.random.randn(n, d)
raw = (offset + gain * z).astype(np.float32)
ds = TensorDataset(torch.tensor(raw), torch.tensor(y))
train_ds, val_ds = random_split(ds, [2400, 600], generator=torch.Generator().manual_seed(SEED))
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=200)


class SensorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.BatchNorm1d(d)
        self.fc1 = nn.Linear(d, 64)
        self.bn1 = nn.BatchNorm1d(64)
        self.fc2 = nn.Linear(64, 64)
        self.bn2 = nn.BatchNorm1d(64)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(64, k)

    def forward(self, x):
        x = self.inp(x)
        x = torch.relu(self.bn1(self.fc1(x)))
        x = self.drop(torch.relu(self.bn2(self.fc2(x))))
        return self.out(x)


def evaluate(model, loader):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for xb, yb in loader:
            correct += (model(xb).argmax(1) == yb).sum().item()
            total += len(yb)
    return correct / total


model = SensorNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
criterion = nn.CrossEntropyLoss()
print("before training:", evaluate(model, val_loader))

for epoch in range(1, 16):
    total_loss = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    val_acc = evaluate(model, val_loader)
    print(f"Epoch {epoch:02d} | loss {total_loss / len(train_loader):.4f} | val acc {val_acc:.4f}")

print("val acc:", val_acc)
