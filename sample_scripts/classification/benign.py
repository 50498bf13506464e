import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.25, random_state=3)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32).unsqueeze(1)
y_test = torch.tensor(y_test, dtype=torch.float32).unsqueeze(1)

torch.manual_seed(3)
model = nn.Sequential(
    nn.Linear(30, 16),
    nn.ReLU(),
    nn.Linear(16, 1),
    nn.Sigmoid(),
)
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(20):
    perm = torch.randperm(len(X_train))
    for i in range(0, len(perm), 32):
        batch = perm[i:i + 32]
        optimizer.zero_grad()
        prediction = model(X_train[batch])
        loss = loss_fn(prediction, y_train[batch])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        correct = ((model(X_test) > 0.5).float() == y_test).float().mean().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f}, accuracy {correct:.4f}")
