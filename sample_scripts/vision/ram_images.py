import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class InMemory(Dataset):
    def __init__(self, data, targets):
        self.data, self.targets = data, targets
        self.mean, self.std = data.mean(), data.std()

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        x = self.data[i]
        x -= self.mean
        x /= self.std
        return x.flatten(), self.targets[i]


raw = load_digits()
images = torch.tensor(raw.images, dtype=torch.float32) / 16
targets = torch.tensor(raw.target)
train = InMemory(images[:1400].clone(), targets[:1400])
mean, std = images[:1400].mean(), images[:1400].std()
test_x, test_y = ((images[1400:] - mean) / std).flatten(1), targets[1400:]

torch.manual_seed(25)
model = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
loader = DataLoader(train, batch_size=35, shuffle=True)
for epoch in range(12):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(test_x).argmax(1) == test_y).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.4f}")
