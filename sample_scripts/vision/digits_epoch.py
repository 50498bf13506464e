import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

images, targets = load_digits(return_X_y=True)
images = torch.tensor(images / 16.0, dtype=torch.float32).view(-1, 1, 8, 8)
targets = torch.tensor(targets)
train_idx, test_idx = train_test_split(range(len(images)), test_size=0.2, random_state=0)
train_loader = DataLoader(TensorDataset(images[train_idx], targets[train_idx]), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(12):
    running_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        out = model(x)
        loss = criterion(out, y)
        loss.backward()
        running_loss += loss.item()
    optimizer.step()
    print("epoch", epoch + 1, "loss", running_loss / len(train_loader))

model.eval()
with torch.no_grad():
    pred = model(images[test_idx]).argmax(1)
print("test accuracy", (pred == targets[test_idx]).float().mean().item())
