import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(11)
raw = load_wine()
features = torch.tensor(raw.data, dtype=torch.float32)
features = (features - features.mean(dim=0)) / features.std(dim=0)
data = TensorDataset(features, torch.tensor(raw.target))
train_set, test_set = random_split(data, [138, 40])
train_dl = DataLoader(train_set, batch_size=23, shuffle=True)
test_dl = DataLoader(test_set, batch_size=40)

net = nn.Sequential(nn.Linear(13, 48), nn.ReLU(), nn.Linear(48, 3))
sgd = torch.optim.SGD(net.parameters(), lr=5e-2, momentum=0.9)
ce = nn.CrossEntropyLoss()

for epoch in range(60):
    running = 0.0
    for xb, yb in train_dl:
        sgd.zero_grad()
        out = net(xb)
        loss = ce(out, yb)
        loss.backward()
        sgd.step()
        running += loss.item()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1:3d}  loss {running / len(train_dl):.4f}")

with torch.no_grad():
    xb, yb = next(iter(test_dl))
    print(f"accuracy {(net(xb).argmax(1) == yb).float().mean().item():.3f}")
