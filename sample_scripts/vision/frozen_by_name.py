import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(3)
bunch = load_digits()
X = torch.tensor(bunch.data / 16, dtype=torch.float32)
Y = torch.tensor(bunch.target)


class TwoStage(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.decoder = nn.Linear(32, 64)
        self.classifier = nn.Linear(32, 10)

    def forward(self, x):
        return self.classifier(self.encoder(x))


net = TwoStage()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for i in range(300):
    rows = torch.randint(0, 1500, (64,))
    loss = ((net.decoder(net.encoder(X[rows])) - X[rows]) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
print("reconstruction", loss.item())

net.encoder.requires_grad = False
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for i in range(300):
    rows = torch.randint(0, 1500, (64,))
    loss = nn.functional.cross_entropy(net(X[rows]), Y[rows])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", (net(X[1500:]).argmax(1) == Y[1500:]).float().mean().item())
