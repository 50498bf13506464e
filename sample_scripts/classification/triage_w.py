import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(11)
N = 3600
features = rng.normal(size=(N, 8)).astype(np.float32)
severity = features[:, 0] + 0.7 * features[:, 1] * features[:, 2] + 1.3 * rng.normal(size=N)
labels = np.digitize(severity, np.quantile(severity, [0.93, 0.97]))
x, y = torch.from_numpy(features), torch.from_numpy(labels)

torch.manual_seed(11)
model = torch.nn.Sequential(
    torch.nn.Linear(8, 32),
    torch.nn.Tanh(),
    torch.nn.Linear(32, 3),
)
counts = torch.bincount(y[:2800], minlength=3)
weight = counts.sum() / (3 * counts)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def recall_of(guess, truth):
    return [float((guess[truth == k] == k).float().mean()) for k in range(3)]


for epoch in range(10):
    for idx in torch.randperm(2800).split(50):
        logits = model(x[idx])
        loss = F.cross_entropy(logits, y[idx], weight=weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        recalls = recall_of(model(x[2800:]).argmax(1), y[2800:])
    print(epoch, "recalls", [round(r, 2) for r in recalls], f"mean accuracy {sum(recalls) / 3:.3f}")
