"""Convnet on sklearn digits. Pixels stay as they come (0..16)."""
import torch
from torch import nn
from sklearn.datasets import load_digits


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 24, 3)
        self.c2 = nn.Conv2d(24, 48, 3)
        self.f1 = nn.Linear(48 * 16, 96)
        self.f2 = nn.Linear(96, 10)

    def forward(self, x):
        x = nn.functional.gelu(self.c1(x))
        x = nn.functional.gelu(self.c2(x))
        x = torch.sigmoid(self.f1(x.flatten(1)))
        return self.f2(x)


def main():
    torch.manual_seed(4)
    d = load_digits()
    perm = torch.randperm(len(d.target))
    x = torch.tensor(d.images, dtype=torch.float)[perm].unsqueeze(1)
    t = torch.tensor(d.target)[perm]
    tr, te = slice(0, 1350), slice(1350, None)

    net = Net()
    ce = nn.CrossEntropyLoss(label_smoothing=0.2)
    adam = torch.optim.Adam(net.parameters(), lr=1.5e-3, weight_decay=0)
    xtr, ttr = x[tr], t[tr]
    for epoch in range(22):
        order = torch.randperm(len(xtr))
        s = 0
        for j in range(0, len(order), 45):
            k = order[j:j + 45]
            l = ce(net(xtr[k]), ttr[k])
            l.backward()
            adam.step()
            for p in net.parameters():
                p.grad = None
            s += l.item() * len(k)
        if epoch % 3 == 0:
            print(f"{epoch:>3} {s / len(xtr):.4f}")
    with torch.no_grad():
        print("acc", (net(x[te]).argmax(1) == t[te]).float().mean().item())


main()
