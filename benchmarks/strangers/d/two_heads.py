"""Multi-task: digit class and amount of ink, one shared trunk."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_digits

SETTINGS = {
    "trunk": {"lr": 0.05, "weight_decay": 3e-1},
    "heads": {"lr": 0.05, "weight_decay": 1e-4},
    "momentum": 0.9,
    "ink_weight": 0.5,
    "epochs": 15,
}


class Tasks(Dataset):
    def __init__(self, part):
        d = load_digits()
        sel = slice(0, 1350) if part == "fit" else slice(1350, None)
        x = torch.tensor(d.data, dtype=torch.float32)
        ink = x.sum(1)
        self.x = ((x - 4.88) / 6.02)[sel]
        self.digit = torch.tensor(d.target)[sel]
        self.ink = ((ink - ink[:1350].mean()) / ink[:1350].std())[sel]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"x": self.x[i], "digit": self.digit[i], "ink": self.ink[i]}


class MultiTask(nn.Module):
    def __init__(self, hidden=96):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.heads = nn.ModuleDict({"digit": nn.Linear(hidden, 10), "ink": nn.Linear(hidden, 1)})

    def forward(self, x):
        h = self.trunk(x)
        return {"digit": self.heads["digit"](h), "ink": self.heads["ink"](h).squeeze(-1)}


def losses(out, batch):
    cls = nn.functional.cross_entropy(out["digit"], batch["digit"])
    reg = nn.functional.mse_loss(out["ink"], batch["ink"])
    return cls, reg


def make_optimizer(model):
    groups = [dict(params=getattr(model, k).parameters(), **SETTINGS[k]) for k in ("trunk", "heads")]
    return torch.optim.SGD(groups, lr=0.01, momentum=SETTINGS["momentum"])


def validate(model, loader):
    model.eval()
    n = hit = 0
    sq = 0.0
    with torch.no_grad():
        for b in loader:
            out = model(b["x"])
            hit += (out["digit"].argmax(1) == b["digit"]).sum().item()
            sq += (out["ink"] - b["ink"]).pow(2).sum().item()
            n += len(b["x"])
    return hit / n, sq / n


def main():
    torch.manual_seed(5)
    fit = DataLoader(Tasks("fit"), batch_size=45, shuffle=True)
    val = DataLoader(Tasks("val"), batch_size=149)
    model = MultiTask()
    opt = make_optimizer(model)
    for ep in range(SETTINGS["epochs"]):
        model.train()
        c = r = 0.0
        for b in fit:
            cls, reg = losses(model(b["x"]), b)
            total = cls + SETTINGS["ink_weight"] * reg
            opt.zero_grad()
            total.backward()
            opt.step()
            c += cls.item() / len(fit)
            r += reg.item() / len(fit)
        acc, mse = validate(model, val)
        print(f"ep {ep:2d} digit loss {c:.4f} ink loss {r:.4f} | val digit acc {acc:.4f} ink mse {mse:.4f}")


if __name__ == "__main__":
    main()
