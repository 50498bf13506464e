import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch.utils.checkpoint import checkpoint


class Stage(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))

    def forward(self, x):
        return x + self.f(x)


class DeepNet(nn.Module):
    def __init__(self, depth=6, d=48):
        super().__init__()
        self.inp = nn.Linear(64, d)
        self.stages = nn.ModuleList(Stage(d) for _ in range(depth))
        self.out = nn.Linear(d, 10)

    def forward(self, x):
        h = self.inp(x)
        for stage in self.stages:
            h = checkpoint(stage, h, use_reentrant=False)
        return self.out(h)


torch.manual_seed(0)
data = load_digits()
x = torch.tensor(StandardScaler().fit_transform(data.data), dtype=torch.float32)
y = torch.tensor(data.target)
net = DeepNet()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
for epoch in range(6):
    for rows in torch.randperm(1500).split(50):
        opt.zero_grad(set_to_none=True)
        loss = loss_fn(net(x[rows]), y[rows])
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.4f} acc {(net(x[1500:]).argmax(1) == y[1500:]).float().mean():.4f}")
