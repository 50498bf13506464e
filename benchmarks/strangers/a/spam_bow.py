#!/usr/bin/env python
# bag of words spam filter (toy corpus)
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(99)
rng = np.random.default_rng(99)

VOCAB = 300
base = rng.dirichlet(np.ones(VOCAB) * 0.3)
shift = np.exp(rng.normal(0, 0.8, VOCAB))
spam_p = base * shift
spam_p /= spam_p.sum()


def corpus(n):
    label = (rng.random(n) < 0.5).astype(np.float32)
    length = rng.integers(20, 80, n)
    docs = np.stack([rng.multinomial(l, spam_p if s else base) for l, s in zip(length, label)])
    return torch.tensor(np.log1p(docs), dtype=torch.float32), torch.tensor(label)


x_train, y_train = corpus(2000)
x_test, y_test = corpus(600)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)
test_loader = DataLoader(TensorDataset(x_test, y_test), batch_size=100)

model = nn.Sequential(
    nn.Linear(VOCAB, 64),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(64, 1),
)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.02)


def run_test():
    model.eval()
    accs, losses = [], []
    with torch.no_grad():
        for xb, yb in test_loader:
            out = model(xb)
            losses.append(criterion(out, yb.unsqueeze(1)).item())
            pred = (torch.sigmoid(out) > 0.5).float()
            accs.append((pred == yb).float().mean().item())
    return np.mean(losses), np.mean(accs)


for epoch in range(12):
    model.train()
    for xb, yb in train_loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb.unsqueeze(1))
        loss.backward()
        optimizer.step()
    test_loss, test_acc = run_test()
    print(f"epoch {epoch + 1:2d}: test loss {test_loss:.4f}, test acc {test_acc:.4f}")

print(f"accuracy {test_acc:.4f}")
