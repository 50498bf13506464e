# homework 3: classify the digit folders, warmup, AdamW
import torch
from torch import nn
from torch.utils.data import DataLoader, ConcatDataset, TensorDataset
from sklearn.datasets import load_digits

torch.manual_seed(0)
BATCH = 32
EPOCHS = 8
WARMUP = 20


def read_folder(label, images, targets, part):
    """Everything that lies in one class folder, the last fifth is kept for validation."""
    rows = torch.tensor(images[targets == label], dtype=torch.float32) / 16
    k = int(len(rows) * 0.8)
    rows = rows[:k] if part == "train" else rows[k:]
    rows = (rows - 0.305) / 0.376
    return TensorDataset(rows, torch.full((len(rows),), label))


def make_loader(part, train=True):
    raw = load_digits()
    ds = ConcatDataset([read_folder(c, raw.data, raw.target, part) for c in range(10)])
    return DataLoader(ds, batch_size=BATCH, shuffle=not train, drop_last=train)


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x):
        return x + self.ff(self.norm(x))


class ResMLP(nn.Module):
    def __init__(self, d=64, depth=2):
        super().__init__()
        self.stem = nn.Linear(64, d)
        self.blocks = nn.Sequential(*[Block(d) for _ in range(depth)])
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 10))

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


train_loader = make_loader("train", train=True)
val_loader = make_loader("val", train=False)

net = ResMLP()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda t: min(1.0, (t + 1) / WARMUP))
ce = nn.CrossEntropyLoss(label_smoothing=0.05)

for epoch in range(EPOCHS):
    net.train()
    s = 0.0
    for x, y in train_loader:
        opt.zero_grad()
        l = ce(net(x), y)
        l.backward()
        opt.step()
        sched.step()
        s += l.item()
    net.eval()
    good = n = 0
    with torch.no_grad():
        for x, y in val_loader:
            good += (net(x).argmax(dim=1) == y).sum().item()
            n += y.numel()
    print(f"epoch {epoch}: loss {s / len(train_loader):.3f}, val accuracy {good / n:.3f}, lr {sched.get_last_lr()[0]:.2e}")
