import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

torch.manual_seed(21)
bunch = load_breast_cancer()
X = torch.from_numpy(StandardScaler().fit_transform(bunch.data)).float()
T = torch.from_numpy(bunch.target).float().unsqueeze(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(30, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        return self.out(h)


net = Net()
LR = 0.3
opt = torch.optim.SGD(net.parameters(), lr=LR)
bce = nn.BCEWithLogitsLoss()
for epoch in range(15):
    perm = torch.randperm(len(X))
    for i in range(0, len(X), 20):
        idx = perm[i:i + 20]
        opt.zero_grad()
        loss = bce(net(X[idx]), T[idx])
        loss.backward()
        opt.step()
    print("epoch %d, loss %.4f" % (epoch, bce(net(X), T).item()))
print("acc: %.3f" % ((net(X) > 0).float() == T).float().mean().item())
