import torch
from torch import nn
from sklearn.datasets import load_wine

torch.manual_seed(13)
bunch = load_wine()
x = torch.tensor(bunch.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(bunch.target)


def likelihood(scores, labels):
    log_p = scores.log_softmax(dim=1)
    return -log_p.gather(1, labels.view(-1, 1)).mean()


net = nn.Sequential(nn.Linear(13, 24), nn.ELU(), nn.Linear(24, 3))
opt = torch.optim.Adam(net.parameters(), lr=0.005)
order = torch.randperm(len(x))
train, test = order[:140], order[140:]

for epoch in range(60):
    for rows in train[torch.randperm(len(train))].split(20):
        opt.zero_grad()
        loss = likelihood(net(x[rows]), y[rows])
        loss.backward()
        opt.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            acc = (net(x[test]).argmax(1) == y[test]).float().mean()
        print(f"{epoch + 1} {loss.item():.3f} acc {acc:.3f}")
