import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(17)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
y = torch.tensor(digits.target)
onehot = F.one_hot(y, 10).float()

model = nn.Sequential(
    nn.Linear(64, 30),
    nn.Sigmoid(),
    nn.Linear(30, 10),
    nn.Softmax(dim=1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

n_train = 1400
for epoch in range(20):
    shuffled = torch.randperm(n_train)
    for start in range(0, n_train, 20):
        rows = shuffled[start:start + 20]
        probabilities = model(x[rows])
        loss = criterion(probabilities, onehot[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(x[n_train:]).argmax(1) == y[n_train:]).float().mean().item()
    print(f"Epoch {epoch + 1:2d} | loss {loss.item():.4f} | accuracy {accuracy:.4f}")
