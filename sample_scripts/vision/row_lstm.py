import torch
from torch import nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(23)
bunch = load_digits()
data = TensorDataset(torch.tensor(bunch.images / 16, dtype=torch.float32), torch.tensor(bunch.target))
train_set, test_set = random_split(data, [1400, 397])


class Scanner(nn.Module):
    def __init__(self, rows=8, hidden=64, classes=10):
        super().__init__()
        self.lstm = nn.LSTM(rows, hidden, num_layers=1)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.fc(out[:, -1, :])


model = Scanner()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(6):
    model.train()
    for images, labels in DataLoader(train_set, batch_size=100, shuffle=True):
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).sum().item() for a, b in DataLoader(test_set, batch_size=100))
    print(f"epoch {epoch + 1}: loss {loss.item():.4f}, acc {hits / 397:.4f}")
