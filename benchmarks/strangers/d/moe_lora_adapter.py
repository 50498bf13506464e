"""A frozen net adapted to rotated inputs with low-rank adapters (B starts at zero) and a soft mixture of experts."""
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Experts(nn.Module):
    def __init__(self, d, h, k):
        super().__init__()
        self.gate = nn.Linear(d, k)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, d)) for _ in range(k))

    def forward(self, x):
        g = F.softmax(self.gate(x), dim=-1)
        out = torch.stack([e(x) for e in self.experts], 1)
        self.load = g.mean(0)
        return x + (g[:, :, None] * out).sum(1)


class Net(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.inp = nn.Linear(64, h)
        self.moe = Experts(h, 48, 4)
        self.out = nn.Linear(h, 10)

    def forward(self, x):
        return self.out(F.relu(self.moe(F.relu(self.inp(x)))))


class Lora(nn.Module):
    def __init__(self, base, r=8, alpha=16):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(r, base.in_features) / base.in_features ** 0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, r))
        self.scale = alpha / r

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T) @ self.b.T


def fit(model, x, y, xv, yv, epochs, lr, tag, balance=0.05):
    live = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(live, lr=lr)
    print(tag, "trainable", sum(p.numel() for p in live), "of", sum(p.numel() for p in model.parameters()))
    for ep in range(epochs):
        model.train()
        s = 0.0
        for idx in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(model(x[idx]), y[idx])
            load = model.moe.load
            loss = loss + balance * len(load) * load.pow(2).sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
            s += loss.item() * len(idx)
        if ep % 4 == 3:
            model.eval()
            with torch.no_grad():
                acc = (model(xv).argmax(1) == yv).float().mean().item()
            print(f"{tag} epoch {ep + 1} loss {s / len(x):.4f} test acc {acc:.4f}")


def main():
    torch.manual_seed(55)
    d = load_digits()
    img = torch.tensor(d.images).float() / 8 - 0.6
    y = torch.tensor(d.target)
    plain, turned = img.flatten(1), img.rot90(1, (1, 2)).flatten(1)
    net = Net()
    fit(net, plain[:1400], y[:1400], plain[1400:], y[1400:], 8, 3e-3, "base")
    with torch.no_grad():
        print(f"rotated before adapting {(net(turned[1400:]).argmax(1) == y[1400:]).float().mean():.4f}")
    net.requires_grad_(False)
    net.inp, net.out = Lora(net.inp), Lora(net.out)
    fit(net, turned[:1400], y[:1400], turned[1400:], y[1400:], 16, 5e-3, "adapter")


if __name__ == "__main__":
    main()
