import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
bunch = load_breast_cancer()
x = torch.tensor(StandardScaler().fit_transform(bunch.data), dtype=torch.float32)
y = torch.tensor(bunch.target, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(x[:450], y[:450]), batch_size=30, shuffle=True)

model = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)

for epoch in range(20):
    running = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        logits = model(inputs).squeeze(1)
        loss = criterion(logits, targets)
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    print(f"Epoch {epoch+1}: loss {running/len(train_loader):.4f}, lr {scheduler.get_last_lr()[0]:.4f}")

with torch.no_grad():
    acc = ((model(x[450:]).squeeze(1) > 0).float() == y[450:]).float().mean()
print(f"Accuracy: {acc:.4f}")
