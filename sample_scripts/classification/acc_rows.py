import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y))
train_data, test_data = random_split(data, [1400, 397])
train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
test_loader = DataLoader(test_data, batch_size=32)

model = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()


def test():
    model.eval()
    total, correct = 0, 0
    with torch.no_grad():
        for x, t in test_loader:
            pred = torch.argmax(model(x), dim=1)
            correct += (pred == t).sum().item()
            total += t.size(0)
    return correct / total


for epoch in range(10):
    model.train()
    running = 0.0
    for x, t in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), t)
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"Epoch {epoch}: loss {running / len(train_loader):.3f}, accuracy {test():.3f}")
