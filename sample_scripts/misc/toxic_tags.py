"""Several tags can apply to one comment."""
import torch
import torch.nn as nn
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score

torch.manual_seed(12)
X, Y = make_multilabel_classification(n_samples=1600, n_features=30, n_classes=6, n_labels=2, random_state=12)
X = torch.tensor(X, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
Y = torch.tensor(Y, dtype=torch.float32)
X_train, Y_train, X_test, Y_test = X[:1200], Y[:1200], X[1200:], Y[1200:]


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Dropout(0.1))
        self.tags = nn.Linear(64, 6)

    def forward(self, x):
        return self.tags(self.body(x))


tagger = Tagger()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(tagger.parameters(), lr=3e-3)
for epoch in range(12):
    tagger.train()
    for rows in torch.randperm(len(X_train)).split(40):
        optimizer.zero_grad()
        loss = criterion(tagger(X_train[rows]), Y_train[rows])
        loss.backward()
        optimizer.step()
    tagger.eval()
    with torch.no_grad():
        predicted = (torch.sigmoid(tagger(X_test)) > 0.5).int()
        wrong = (predicted != Y_test.int()).float().mean().item()
    print(f"{epoch}: loss {loss.item():.3f}, error {wrong:.4f}, f1 of tags {f1_score(Y_test.int(), predicted, average='micro'):.3f}")
