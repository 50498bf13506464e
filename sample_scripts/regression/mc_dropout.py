import torch
from torch import nn
from sklearn.datasets import make_friedman1

torch.manual_seed(0)
X, y = make_friedman1(1500, n_features=5, noise=0.5, random_state=1)
X = torch.tensor((X - 0.5) * 3.46, dtype=torch.float32)
y = torch.tensor((y - 14.4) / 5.0, dtype=torch.float32)


class Net(nn.Module):
    def __init__(self, p=0.05):
        super().__init__()
        self.seq = nn.Sequential(
            nn.Linear(5, 64), nn.ReLU(), nn.Dropout(p),
            nn.Linear(64, 64), nn.ReLU(), nn.Dropout(p), nn.Linear(64, 1),
        )

    def forward(self, x):
        return self.seq(x).squeeze(1)


@torch.no_grad()
def predict(net, x, samples=30):
    draws = torch.stack([net(x) for _ in range(samples)])   # dropout stays on, this is the ensemble
    return draws.mean(0), draws.std(0)


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(15):
    for rows in torch.randperm(1200).split(60):
        loss = nn.functional.mse_loss(net(X[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    mean, std = predict(net, X[1200:])
    print(f"epoch {epoch} loss {loss.item():.4f} spread {std.mean():.3f} test mse {nn.functional.mse_loss(mean, y[1200:]):.4f}")
