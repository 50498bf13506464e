import io
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(77)


class Encoder(nn.Module):
    def __init__(self, out=12):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(64, out)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


class SourceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.classifier = nn.Linear(12, 10)

    def forward(self, x):
        return self.classifier(F.relu(self.encoder(x)))


class Probe(nn.Module):
    """Fixed feature extractor with a linear classifier."""

    def __init__(self, checkpoint, n_classes):
        super().__init__()
        self.encoder = Encoder()
        checkpoint.seek(0)
        state = torch.load(checkpoint, weights_only=True)
        weights = {k[len("encoder."):]: v for k, v in state["model"].items() if k.startswith("encoder.")}
        self.encoder.load_state_dict(weights)
        for p in self.encoder.parameters():
            p.requires_grad = False
        self.fc = nn.Linear(12, n_classes)

    def forward(self, x):
        with torch.no_grad():
            f = self.encoder(x)
        return self.fc(F.relu(f))


def load():
    d = load_digits()
    x = torch.tensor(d.images).float().unsqueeze(1) / 8 - 1
    return x, torch.tensor(d.target)


def acc(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train(model, x, y, epochs, lr, bs, xt, yt, name):
    params = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.Adam(params, lr=lr)
    for e in range(epochs):
        model.train()
        for idx in torch.randperm(len(x)).split(bs):
            loss = F.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        if (e + 1) % max(1, epochs // 4) == 0:
            print(f"{name} epoch {e + 1} loss {loss.item():.4f} test_acc {acc(model, xt, yt):.4f}")


x, y = load()
source = SourceModel()
train(source, x[:1000], y[:1000], 12, 3e-3, 50, x[1400:], y[1400:], "source")
buf = io.BytesIO()
torch.save({"model": source.state_dict(), "epoch": 12}, buf)

# downstream: 100 labelled images
probe = Probe(buf, 10)
train(probe, x[1000:1100], y[1000:1100], 60, 1e-2, 20, x[1400:], y[1400:], "probe")
