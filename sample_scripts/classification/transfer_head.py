import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor(scale(X), dtype=torch.float32), torch.tensor(y)
perm = torch.randperm(len(X))
train, test = perm[:130], perm[130:]


class Classifier(nn.Module):
    def __init__(self, backbone, n_classes):
        super().__init__()
        self.backbone = backbone
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, n_classes)
        for param in self.backbone.parameters():
            param.requires_grad = False

    def forward(self, x):
        return self.head(self.norm(torch.relu(self.backbone(x))))


model = Classifier(nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 32)), 3)
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=3e-3)
for step in range(120):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(X[train]), y[train])
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(step, "loss", round(loss.item(), 4))
with torch.no_grad():
    print("accuracy", (model(X[test]).argmax(1) == y[test]).float().mean().item())
