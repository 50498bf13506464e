import torch
import torch.nn as nn
from sklearn.datasets import load_digits


def load():
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
    y = torch.tensor(d.target)
    return (x[:200], y[:200]), (x[1200:], y[1200:])


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
    model.train()
    return nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


torch.manual_seed(0)
(train_x, train_y), (val_x, val_y) = load()
model = nn.Sequential(
    nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Conv2d(12, 24, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 10)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.8)
best, best_state = float("inf"), None
for epoch in range(25):
    for idx in torch.randperm(len(train_x)).split(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(train_x[idx]), train_y[idx]).backward()
        optimizer.step()
    val_loss, val_acc = evaluate(model, val_x, val_y)
    if val_loss < best:
        best, best_state = val_loss, model.state_dict()
    print(f"{epoch} val loss {val_loss:.4f} acc {val_acc:.4f}")

model.load_state_dict(best_state)
print("best: accuracy %.4f" % evaluate(model, val_x, val_y)[1])
