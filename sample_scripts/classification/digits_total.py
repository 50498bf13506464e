import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 31
np.random.seed(SEED)
torch.manual_seed(SEED)

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split((X - 8) / 6, y, test_size=300, random_state=SEED)
X_train, X_val = map(lambda a: torch.tensor(a, dtype=torch.float), (X_train, X_val))
y_train, y_val = map(torch.tensor, (y_train, y_val))

model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss(reduction='sum')
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for epoch in range(10):
    indices = np.random.permutation(len(X_train))
    seen = 0.0
    for i in range(0, len(indices), 64):
        idx = torch.from_numpy(indices[i:i + 64])
        out = model(X_train[idx])
        loss = criterion(out, y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += loss.item()
    with torch.no_grad():
        val_acc = (model(X_val).argmax(1) == y_val).float().mean().item()
    print(f'epoch {epoch}: train {seen:.2f}, val accuracy {val_acc:.3f}')
