import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class ConvNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.classifier = nn.Linear(32 * 16, classes)

    def forward(self, x):
        return self.classifier(self.body(self.stem(x)).flatten(1))


def freeze_all_but(model, words):
    for name, p in model.named_parameters():
        p.requires_grad = any(w in name for w in words)


torch.manual_seed(0)
d = load_digits()
images = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(d.target)
train = DataLoader(TensorDataset(images[:1300], labels[:1300]), batch_size=32, shuffle=True)

model = ConvNet()
freeze_all_but(model, ["stem.1", "body.1"])
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
for epoch in range(6):
    model.train()
    running = 0.0
    for x, y in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        acc = (model(images[1300:]).argmax(1) == labels[1300:]).float().mean().item()
    print(f"epoch {epoch} loss {running / len(train):.3f} acc {acc:.3f}")
