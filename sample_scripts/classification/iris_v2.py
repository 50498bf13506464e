import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset


class IrisNet(nn.Module):
    def __init__(self):
        super(IrisNet, self).__init__()
        self.hidden = nn.Linear(4, 16)
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        return self.out(x)


torch.manual_seed(42)
iris = load_iris()
features = torch.tensor(StandardScaler().fit_transform(iris.data), dtype=torch.float32)
labels = torch.tensor(iris.target, dtype=torch.long)
data_loader = DataLoader(TensorDataset(features, labels), batch_size=10, shuffle=True)

model = IrisNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.2)
num_epochs = 20

for epoch in range(num_epochs):
    for inputs, targets in data_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()

    print(f"Epoch {epoch+1}, Loss: {loss.item():.4f}")

full = criterion(model(features), labels).item()
print(f"Final loss over all flowers: {full:.4f}")
