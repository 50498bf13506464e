import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 24, 3, padding=1)
        self.fc = nn.Linear(24, classes)

    def features(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return F.relu(self.conv2(x)).amax((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


def fit(model, opt, x, y, epochs):
    for epoch in range(epochs):
        model.train()
        for idx in torch.randperm(len(x)).split(32):
            opt.zero_grad()
            loss = F.cross_entropy(model(x[idx]), y[idx])
            loss.backward()
            opt.step()
        print(f"  epoch {epoch} loss {loss.item():.3f}")


torch.manual_seed(0)
d = load_digits()
x = torch.tensor(d.images / 16, dtype=torch.float32)[:, None]
y = torch.tensor(d.target)

model = Net(classes=2)
for p in model.conv1.parameters():
    p.requires_grad_(False)
for p in model.conv2.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

print("ten digits")
model.fc = nn.Linear(24, 10)
fit(model, optimizer, x[:1400], y[:1400], epochs=8)
model.eval()
with torch.no_grad():
    print(f"accuracy {(model(x[1400:]).argmax(1) == y[1400:]).float().mean():.3f}")
