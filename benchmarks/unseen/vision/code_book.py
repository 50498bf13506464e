import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(33)
patches = torch.stack([torch.sin(torch.linspace(0, 6.28 * f, 24) + p) for f in (1, 2, 3) for p in torch.rand(400) * 6.28])
patches = patches + 0.05 * torch.randn_like(patches)


class Quantised(nn.Module):
    def __init__(self, codes=32, d=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 2 * d))
        self.dec = nn.Sequential(nn.Linear(2 * d, 48), nn.ReLU(), nn.Linear(48, 24))
        self.book = nn.Embedding(codes, d)
        self.d = d

    def forward(self, x):
        z = self.enc(x).view(-1, self.d)
        near = torch.cdist(z, self.book.weight).argmin(1)
        q = self.book(near)
        extra = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        q = z + (q - z).detach()
        return self.dec(q.view(len(x), -1)), extra


net = Quantised()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(15):
    for ids in torch.randperm(1200).split(60):
        out, extra = net(patches[ids])
        loss = F.mse_loss(out, patches[ids]) + extra
        opt.zero_grad()
        loss.backward()
        opt.step()
with torch.no_grad():
    print("rebuilt mse", F.mse_loss(net(patches)[0], patches).item())
