import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
n = 4000
X = torch.randn(n, 12)
score = 1.2 * X[:, 0] - X[:, 3] + 0.8 * X[:, 7] + 1.8 * torch.randn(n)
y = (score > score.quantile(0.95)).float().unsqueeze(1)

train = DataLoader(TensorDataset(X[:3000], y[:3000]), batch_size=64, shuffle=True)


class FraudNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 24), nn.ReLU())
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.body(x))


net = FraudNet()
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

for epoch in range(8):
    net.train()
    for xb, yb in train:
        opt.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        guess = net(X[3000:]) > 0
        truth = y[3000:] > 0.5
        recall = (guess & truth).sum() / truth.sum()
        spared = (~guess & ~truth).sum() / (~truth).sum()
    print(f"epoch {epoch} loss {loss.item():.3f} recall {recall:.3f} balanced accuracy {(recall + spared) / 2:.3f}")
