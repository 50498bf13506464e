import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification

torch.manual_seed(0)
X, y = make_classification(1200, 20, n_informative=8, n_classes=4, class_sep=1.5, random_state=1)
X, y = torch.tensor(X).float(), torch.tensor(y)


class Runner:
    def __init__(self, model, lr):
        self.model = model
        self.optim = torch.optim.AdamW(model.parameters(), lr=lr)

    @torch.no_grad()
    def predict(self, x):
        return self.model(x)

    def step(self, x, y):
        self.optim.zero_grad()
        logits = self.predict(x)
        loss = F.cross_entropy(logits, y)
        loss.requires_grad = True
        loss.backward()
        self.optim.step()
        return loss.item()


runner = Runner(nn.Sequential(nn.Linear(20, 40), nn.GELU(), nn.Linear(40, 4)), lr=3e-3)
for epoch in range(10):
    total = sum(runner.step(X[i:i + 50], y[i:i + 50]) for i in range(0, 1000, 50))
    print(f"epoch {epoch} mean loss {total / 20:.4f}")
acc = (runner.predict(X[1000:]).argmax(1) == y[1000:]).float().mean()
print(f"accuracy {acc:.4f}")
