import torch
import torch.nn.functional as F

torch.manual_seed(41)
x = torch.randn(1200, 8)
y = ((x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] + x[:, 3] > 0).long())
net = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 4))
base = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
RHO = 0.05


def perturb():
    norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
    moves = []
    with torch.no_grad():
        for p in net.parameters():
            e = p.grad * (RHO / (norm + 1e-12))
            p.add_(e)
            moves.append(e)
    return moves


for epoch in range(10):
    for ids in torch.randperm(1000).split(50):
        F.cross_entropy(net(x[ids]), y[ids]).backward()
        moves = perturb()
        base.zero_grad()
        F.cross_entropy(net(x[ids]), y[ids]).backward()
        with torch.no_grad():
            for p, e in zip(net.parameters(), moves):
                p.sub_(e)
        base.step()
        base.zero_grad()
with torch.no_grad():
    print("accuracy", (net(x[1000:]).argmax(1) == y[1000:]).float().mean().item())
