"""Two stage transfer: head on frozen features first, then everything gently."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(31)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, padding=1, stride=2), nn.BatchNorm2d(48), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        )
        self.frozen = False

    def train(self, mode=True):
        return super().train(mode and not self.frozen)

    def forward(self, x):
        if self.frozen:
            with torch.no_grad():
                return self.body(x)
        return self.body(x)


class Classifier(nn.Module):
    def __init__(self, backbone, n):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(192, n)

    def forward(self, x):
        return self.head(self.backbone(x))


def loop(model, opt, X, y, epochs, name):
    for e in range(epochs):
        model.train()
        run = 0.0
        for i in torch.randperm(len(X)).split(32):
            loss = F.cross_entropy(model(X[i]), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run += loss.item() * len(i) / len(X)
        print(f"{name} {e}: {run:.4f}")


def acc(model, X, y):
    model.eval()
    with torch.no_grad():
        return (model(X).argmax(1) == y).float().mean().item()


d = load_digits()
X = torch.tensor(d.images / 8.0 - 1.0, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(d.target)
src = torch.cat([X, X.transpose(2, 3)])               # upright and transposed digits
src_y = torch.cat([y, y + 10])
sel = torch.randperm(len(src))[:2500]

bb = Backbone()
source_model = Classifier(bb, 20)
loop(source_model, torch.optim.AdamW(source_model.parameters(), lr=2e-3), src[sel], src_y[sel], 6, "source")

# target task: left-right mirrored digits, few labels
M = X.flip(3)
perm = torch.randperm(len(M))
tr, te = perm[:400], perm[400:]
model = Classifier(bb, 10)
bb.frozen = True
for p in bb.parameters():
    p.requires_grad_(False)
loop(model, torch.optim.SGD(model.head.parameters(), lr=0.1, momentum=0.9), M[tr], y[tr], 12, "head")
print("head only: %.4f" % acc(model, M[te], y[te]))

bb.frozen = False
for p in bb.parameters():
    p.requires_grad_(True)
opt = torch.optim.AdamW([
    {"params": model.backbone.parameters(), "lr": 3e-4},
    {"params": model.head.parameters(), "lr": 1e-3},
])
loop(model, opt, M[tr], y[tr], 15, "full")
print("after fine-tuning: %.4f" % acc(model, M[te], y[te]))
