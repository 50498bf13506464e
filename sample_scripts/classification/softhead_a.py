import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.preprocessing import scale
from sklearn.model_selection import train_test_split

torch.manual_seed(8)
digits = load_digits()
X_tr, X_te, y_tr, y_te = train_test_split(scale(digits.data), digits.target, random_state=8)
X_tr = torch.tensor(X_tr, dtype=torch.float32)
X_te = torch.tensor(X_te, dtype=torch.float32)
y_tr = torch.tensor(y_tr)
y_te = torch.tensor(y_te)

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 10),
    nn.Softmax(dim=1),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)

batch_size = 32
for epoch in range(15):
    order = torch.randperm(len(X_tr))
    epoch_loss = 0.0
    for i in range(0, len(order), batch_size):
        batch = order[i:i + batch_size]
        optimizer.zero_grad()
        outputs = model(X_tr[batch])
        loss = criterion(outputs, y_tr[batch])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(batch)
    with torch.no_grad():
        acc = (model(X_te).argmax(1) == y_te).float().mean()
    print(f"Epoch {epoch+1}: loss={epoch_loss/len(X_tr):.4f}, test acc={acc:.4f}")
