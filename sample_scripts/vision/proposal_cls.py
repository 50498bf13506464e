import torch
from torch import nn
from sklearn.datasets import load_digits

torch.manual_seed(21)
raw = load_digits()
images = torch.tensor(raw.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
labels = torch.tensor(raw.target)
order = torch.randperm(len(images))
train_idx, val_idx = order[:1400], order[1400:]

backbone = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
)
# four regions per picture are scored together: (pictures, classes, regions)
classifier = nn.Conv1d(24, 10, 1)
log_probs = nn.LogSoftmax(dim=2)
criterion = nn.NLLLoss()
params = list(backbone.parameters()) + list(classifier.parameters())
optimizer = torch.optim.Adam(params, lr=2e-3)


def predict(batch):
    features = backbone(batch).view(len(batch), 24, 4)
    return log_probs(classifier(features))


for epoch in range(8):
    for idx in train_idx[torch.randperm(len(train_idx))].split(50):
        out = predict(images[idx])
        target = labels[idx].unsqueeze(1).expand(-1, 4)
        loss = criterion(out, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        votes = predict(images[val_idx]).exp().mean(2)
        acc = (votes.argmax(1) == labels[val_idx]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val acc {acc:.3f}")
