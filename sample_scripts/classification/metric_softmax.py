import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
wine = load_wine()
a, b, ya, yb = train_test_split(wine.data, wine.target, test_size=50, random_state=3, stratify=wine.target)
prep = make_pipeline(StandardScaler()).fit(a)
a, b = (torch.tensor(prep.transform(v), dtype=torch.float32) for v in (a, b))
ya = torch.tensor(ya)

model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5, weight_decay=1e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(40):
    sure = 0.0
    for rows in torch.randperm(len(a)).split(16):
        logits = model(a[rows])
        probs = F.softmax(logits, dim=1)
        preds = probs.argmax(dim=1)
        loss = criterion(logits, ya[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sure += probs.max(dim=1).values.mean().item()
    if epoch % 5 == 4:
        print(f"{epoch + 1}: loss {loss.item():.4f} confidence {sure / 8:.3f} batch acc {(preds == ya[rows]).float().mean():.2f}")

with torch.no_grad():
    probs = torch.softmax(model(b), dim=-1).double().numpy()
print("test acc", (probs.argmax(1) == yb).mean())
print("test log loss", log_loss(yb, probs))
