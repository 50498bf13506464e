import torch
from sklearn.datasets import load_iris
from torch import nn

data = load_iris()
X = torch.FloatTensor(data.data)
X = (X - X.mean(0)) / X.std(0)
Y = torch.LongTensor(data.target)

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(80):
    optimizer.zero_grad()
    output = model(X)
    loss = criterion(output, Y)
    loss.backward()
    optimizer.step()
print("loss", loss.item())
print("accuracy", (model(X).argmax(1) == Y).float().mean().item())
