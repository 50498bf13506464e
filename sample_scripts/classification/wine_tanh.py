import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15)
wine = load_wine()
inputs = torch.as_tensor(StandardScaler().fit_transform(wine.data)).float()
targets = torch.as_tensor(wine.target)
shuffled = torch.randperm(178)
inputs, targets = inputs[shuffled], targets[shuffled]
loader = DataLoader(TensorDataset(inputs[:140], targets[:140]), batch_size=10, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(13, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        return self.head(self.body(x))


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.07)
scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.3, patience=3)

for epoch in range(25):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    epoch_loss = total / len(loader)
    scheduler.step(epoch_loss)
    print(f"epoch {epoch:2d} train {epoch_loss:.4f}")

with torch.no_grad():
    print("held-out loss %.4f" % criterion(net(inputs[140:]), targets[140:]).item())
