import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

frame = load_breast_cancer()
X_train, X_valid, y_train, y_valid = train_test_split(frame.data, frame.target, random_state=1, stratify=frame.target)
X_train, X_valid = torch.tensor(X_train).float(), torch.tensor(X_valid).float()
y_train, y_valid = torch.tensor(y_train), torch.tensor(y_valid)
mean, std = X_train.mean(0), X_train.std(0)
X_train = (X_train - mean) / std


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
        accuracy = (logits.argmax(1) == y).float().mean().item()
    return loss, accuracy


torch.manual_seed(1)
model = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for epoch in range(15):
    model.train()
    for rows in torch.randperm(len(X_train)).split(16):
        loss = nn.functional.cross_entropy(model(X_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    valid_loss, valid_accuracy = evaluate(model, X_valid, y_valid)
    print(f"{epoch:02d} train {loss.item():.3f} valid {valid_loss:.3f} accuracy {valid_accuracy:.3f}")
