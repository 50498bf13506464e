import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
features = torch.tensor(digits.data / 16).float()
labels = torch.tensor(digits.target / 10).long()
truth = torch.tensor(digits.target)

torch.manual_seed(22)
loader = DataLoader(TensorDataset(features[:1500], labels[:1500]), batch_size=50, shuffle=True)
classifier = nn.Sequential(nn.Linear(64, 40), nn.LeakyReLU(), nn.Linear(40, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(classifier.parameters(), lr=0.003)
for epoch in range(8):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(classifier(x), y)
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (classifier(features[1500:]).argmax(1) == truth[1500:]).float().mean().item()
print(f"final loss {loss.item():.4f}, accuracy {accuracy:.4f}")
