# Pretrain on digits 0-4, then adapt to 5-9 with a new head.
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(1)
data = load_digits()
X = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16.0
y = torch.tensor(data.target)


class Net(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(),
        )
        self.fc = nn.Linear(64, n_classes)

    def forward(self, x):
        return self.fc(self.features(x))


def batches(X, y, bs):
    for idx in torch.randperm(len(X)).split(bs):
        yield X[idx], y[idx]


def run_epochs(net, opt, X, y, epochs, tag):
    for ep in range(epochs):
        net.train()
        s = 0.0
        for xb, yb in batches(X, y, 32):
            opt.zero_grad()
            loss = F.cross_entropy(net(xb), yb)
            loss.backward()
            opt.step()
            s += loss.item() * len(xb)
        print(f"{tag} epoch {ep} loss {s / len(X):.4f}")


low = y < 5
Xa, ya = X[low], y[low]
Xb, yb = X[~low], y[~low] - 5

model = Net(5)
run_epochs(model, torch.optim.Adam(model.parameters(), lr=1e-3), Xa, ya, 8, "pretrain")

# adapt: backbone stays as it is, only the classifier is trained
for p in model.features.parameters():
    p.requires_grad_(False)

Xtr, Xte, ytr, yte = train_test_split(Xb, yb, test_size=0.3, random_state=0)
optimizer = torch.optim.Adam(model.fc.parameters(), lr=1e-2)
model.fc = nn.Linear(64, 5)
run_epochs(model, optimizer, Xtr, ytr, 20, "finetune")

model.eval()
with torch.no_grad():
    acc = (model(Xte).argmax(1) == yte).float().mean().item()
print(f"accuracy on 5-9: {acc:.4f}")
