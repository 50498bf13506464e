import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification


class Churn(nn.Module):
    def __init__(self, features, hidden=24):
        super().__init__()
        self.fc1 = nn.Linear(features, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc2(F.gelu(self.norm(self.fc1(x))))


def load():
    X, y = make_classification(1500, 18, n_informative=8, n_redundant=2, class_sep=1.2, random_state=4)
    return torch.from_numpy(X).float(), torch.from_numpy(y).float().unsqueeze(1)


def train_epoch(model, optimizer, X, y):
    model.train()
    losses = []
    for idx in torch.randperm(len(X)).split(50):
        logits = model(X[idx])
        loss = F.cross_entropy(logits, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def evaluate(model, X, y):
    model.eval()
    return ((model(X) > 0).float() == y).float().mean().item()


torch.manual_seed(4)
X, y = load()
model = Churn(X.shape[1])
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(10):
    loss = train_epoch(model, optimizer, X[:1200], y[:1200])
    print("epoch", epoch, "loss", round(loss, 4), "acc", round(evaluate(model, X[1200:], y[1200:]), 4))
