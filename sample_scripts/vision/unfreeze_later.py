import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_digits()
images = (torch.tensor(d.images, dtype=torch.float32)[:, None] - 4.9) / 6
labels = torch.tensor(d.target)
parity = labels % 2


def body():
    return nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.Flatten())


def fit(model, optimizer, loader, epochs, tag):
    ce = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        total = 0.0
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = ce(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"{tag} epoch {epoch} loss {total / len(loader):.4f}")


backbone = body()
pretext = nn.Sequential(backbone, nn.Linear(384, 2))
fit(pretext, torch.optim.Adam(pretext.parameters(), lr=4e-3),
    DataLoader(TensorDataset(images[:1000], parity[:1000]), batch_size=50, shuffle=True), 4, "parity")

model = nn.Sequential(backbone, nn.Linear(384, 10))
loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=50, shuffle=True)
backbone.requires_grad_(False)
fit(model, torch.optim.Adam(model[1].parameters(), lr=1e-2), loader, 3, "head")
backbone.requires_grad_(True)
optimizer = torch.optim.Adam([
    {"params": backbone.parameters(), "lr": 3e-3},
    {"params": model[1].parameters(), "lr": 5e-3},
])
fit(model, optimizer, loader, 4, "all")
with torch.no_grad():
    print("test acc %.4f" % (model(images[1500:]).argmax(1) == labels[1500:]).float().mean())
