import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
train_loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=50)
test_loader = DataLoader(TensorDataset(images[1400:], labels[1400:]), batch_size=200)

net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 16, 10)
)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

batches = iter(train_loader)
for iteration in range(1, 301):
    try:
        inputs, targets = next(batches)
    except StopIteration:
        batches = iter(train_loader)
        inputs, targets = next(batches)
    optimizer.zero_grad()
    loss = criterion(net(inputs), targets)
    loss.backward()
    optimizer.step()
    if iteration % 50 == 0:
        print(f"iteration {iteration:4d} loss {loss.item():.4f}")

net.eval()
correct = 0
with torch.no_grad():
    for inputs, targets in test_loader:
        correct += (net(inputs).argmax(1) == targets).sum().item()
print(f"accuracy {correct / len(test_loader.dataset):.4f}")
