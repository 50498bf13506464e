"""Denoising autoencoder with an averaged copy of the weights for evaluation."""
from types import SimpleNamespace
import copy
import torch
from torch import nn
from sklearn.datasets import load_digits

hp = SimpleNamespace(hidden=128, code=16, lr=0.05, momentum=0.9, decay=0.995, noise=0.3, epochs=20, batch=64)


class AutoEncoder(nn.Module):
    def __init__(self, d, hidden, code):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, code))
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, d))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class WeightAverage:
    def __init__(self, model, decay):
        self.decay = decay
        self.model = copy.deepcopy(model).eval()
        for p in self.model.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for a, p in zip(self.model.parameters(), model.parameters()):
            a.lerp_(p, 1 - self.decay)


def get_data():
    x = torch.tensor(load_digits().data, dtype=torch.float32)
    mean = x[:1400].mean(0)
    std = x[:1400].std(0).clamp(min=1.0)
    x = (x - mean) / std
    return x[:1400], x[1400:]


def reconstruction(model, x):
    model.eval()
    with torch.no_grad():
        err = (model(x) - x).pow(2).mean()
    return (err / x.var()).item()


def main():
    torch.manual_seed(77)
    xt, xv = get_data()
    model = AutoEncoder(64, hp.hidden, hp.code)
    average = WeightAverage(model, hp.decay)
    optimizer = torch.optim.SGD(model.parameters(), lr=hp.lr, momentum=hp.momentum)
    for epoch in range(hp.epochs):
        model.train()
        seen, acc = 0, 0.0
        for idx in torch.randperm(len(xt)).split(hp.batch):
            clean = xt[idx]
            noisy = clean + hp.noise * torch.randn_like(clean)
            loss = nn.functional.mse_loss(model(noisy), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update(model)
            acc += loss.item() * len(idx)
            seen += len(idx)
        if epoch % 2 == 1:
            print(f"epoch {epoch + 1:2d} loss {acc / seen:.4f} valid fraction unexplained {reconstruction(model, xv):.4f} "
                  f"averaged {reconstruction(average.model, xv):.4f}")


if __name__ == "__main__":
    main()
