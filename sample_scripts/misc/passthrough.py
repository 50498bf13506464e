import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset


class YourModel(nn.Module):
    def __init__(self):
        super(YourModel, self).__init__()
        # layers come later

    def forward(self, x):
        # pass-through for the moment
        return x


x = torch.randn(256, 3)
y = x.argmax(dim=1)
data_loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)

model = YourModel()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)

num_epochs = 5
for epoch in range(num_epochs):
    for inputs, labels in data_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
    print(f"Epoch {epoch+1}, Loss: {loss.item()}")
