"""Top-1 mixture of experts on a piecewise target."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Expert(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.a, self.b = nn.Linear(d, h), nn.Linear(h, d)

    def forward(self, x):
        return self.b(F.relu(self.a(x)))


class SwitchLayer(nn.Module):
    def __init__(self, d=24, h=32, n=4):
        super().__init__()
        self.gate = nn.Linear(d, n)
        self.experts = nn.ModuleList([Expert(d, h) for _ in range(n)])

    def forward(self, x):
        probs = self.gate(x).softmax(-1)
        choice = probs.argmax(-1)
        y = torch.zeros_like(x)
        for k, e in enumerate(self.experts):
            rows = (choice == k).nonzero(as_tuple=True)[0]
            if rows.numel():
                y = y.index_add(0, rows, e(x[rows]) * probs[rows, k].unsqueeze(1))
        share = F.one_hot(choice, probs.size(1)).float().mean(0)
        balance = probs.size(1) * (share * probs.mean(0)).sum()
        return x + y, balance, share


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(2, 24)
        self.moe = SwitchLayer()
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        h, bal, share = self.moe(torch.tanh(self.inp(x)))
        return self.out(h).squeeze(-1), bal, share


def target(x):
    q = (x[:, 0] > 0).long() * 2 + (x[:, 1] > 0).long()
    table = torch.stack([x[:, 0] * 2, torch.sin(3 * x[:, 1]), x.prod(1) * 2 - 1, 1 - x.pow(2).sum(1)], 1)
    return table.gather(1, q[:, None])[:, 0]


def main():
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(8)
    x = torch.rand(3000, 2, generator=g) * 4 - 2
    y = target(x) / 2
    xt = torch.rand(600, 2, generator=g) * 4 - 2
    yt = target(xt) / 2
    net = Net()
    opt = torch.optim.Adam([{"params": net.moe.gate.parameters(), "lr": 1e-3},
                            {"params": [p for n, p in net.named_parameters() if "gate" not in n]}], lr=4e-3)
    for ep in range(25):
        agg = 0.0
        for idx in torch.randperm(3000).split(64):
            pred, bal, _ = net(x[idx])
            mse = F.mse_loss(pred, y[idx])
            opt.zero_grad()
            (mse + 0.01 * bal).backward()
            opt.step()
            agg += mse.item() * len(idx) / 3000
        if ep % 6 == 0:
            with torch.no_grad():
                p, _, share = net(xt)
                use = " ".join(f"{s:.2f}" for s in share)
                print(f"epoch {ep} mse {agg:.4f} test {F.mse_loss(p, yt).item():.4f} usage {use}")


if __name__ == "__main__":
    main()
