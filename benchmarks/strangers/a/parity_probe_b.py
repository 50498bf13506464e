"""Pretrain an encoder on digit classes, save it, and probe it for parity."""
import os
import tempfile

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(2)


def make_encoder():
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(),
        nn.Linear(128, 64), nn.ReLU(),
        nn.Linear(64, 16), nn.Tanh(),
    )


class Pretrainer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = make_encoder()
        self.classifier = nn.Linear(16, 10)

    def forward(self, x):
        return self.classifier(self.encoder(x))


class Probe(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = make_encoder()
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        with torch.no_grad():
            z = self.backbone(x)
        return self.out(z)


def fit(model, params, X, y, epochs, lr):
    opt = torch.optim.AdamW(params, lr=lr)
    for epoch in range(epochs):
        model.train()
        losses = []
        for idx in torch.randperm(len(X)).split(64):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(X[idx]), y[idx])
            loss.backward()
            opt.step()
            losses.append(loss.item())
        if (epoch + 1) % 10 == 0:
            print(f"   epoch {epoch + 1}: {sum(losses) / len(losses):.4f}")


data = load_digits()
X = torch.tensor(data.data / 16.0, dtype=torch.float32)
y = torch.tensor(data.target)
Xtr, ytr, Xte, yte = X[:1300], y[:1300], X[1300:], y[1300:]

ckpt = os.path.join(tempfile.mkdtemp(), "encoder.pt")
pre = Pretrainer()
print("pretraining")
fit(pre, pre.parameters(), Xtr, ytr, epochs=30, lr=2e-3)
torch.save(pre.state_dict(), ckpt)

probe = Probe()
state = torch.load(ckpt)
state = {k.replace("encoder.", "backbone."): v for k, v in state.items() if not k.startswith("classifier.")}
probe.load_state_dict(state, strict=False)
for p in probe.backbone.parameters():
    p.requires_grad = False

print("probing")
fit(probe, probe.out.parameters(), Xtr, ytr % 2, epochs=30, lr=5e-3)
probe.eval()
with torch.no_grad():
    acc = (probe(Xte).argmax(1) == yte % 2).float().mean().item()
print("parity accuracy: %.4f" % acc)
