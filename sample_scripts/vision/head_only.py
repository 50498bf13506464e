import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(2)
digits = load_digits()
imgs = (torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6.0
labs = torch.tensor(digits.target)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)

    def forward(self, x):
        return F.relu(self.c2(F.relu(self.c1(x)))).flatten(1)


# stage one: digits 0..4
backbone = Backbone()
head = nn.Linear(512, 5)
pre = labs < 5
xa, ya = imgs[pre], labs[pre]
opt = torch.optim.Adam([*backbone.parameters(), *head.parameters()], lr=2e-3)
for epoch in range(5):
    for rows in torch.randperm(len(xa)).split(32):
        loss = F.cross_entropy(head(backbone(xa[rows])), ya[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("stage one", epoch, f"{loss.item():.4f}")

# stage two: digits 5..9, new head only
for p in backbone.parameters():
    p.requires_grad = False
new_head = nn.Linear(512, 5)
xb, yb = imgs[~pre], labs[~pre] - 5
model = nn.Sequential(backbone, new_head)
opt = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=3e-3)
for epoch in range(8):
    for rows in torch.randperm(700).split(32):
        loss = F.cross_entropy(model(xb[rows]), yb[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = (model(xb[700:]).argmax(1) == yb[700:]).float().mean()
    print("stage two", epoch, f"{loss.item():.4f}", f"acc {acc:.4f}")
