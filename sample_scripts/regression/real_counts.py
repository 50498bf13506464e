import torch
from torch import nn

torch.manual_seed(0)
N = 800
x = torch.rand(N, 5) * 2 - 1
rate = 4 + 3 * x[:, 0] - 2 * x[:, 1] * x[:, 2]
visits = torch.poisson(rate.clamp(min=0.1))


class CountNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        out = self.net(x).squeeze(1)
        return out if self.training else torch.round(out)


model = CountNet()
opt = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(30):
    for idx in torch.randperm(600).split(30):
        opt.zero_grad()
        loss = ((model(x[idx]) - visits[idx]) ** 2).mean()
        loss.backward()
        opt.step()
    if epoch % 5 == 0:
        print(epoch, loss.item())
model.eval()
with torch.no_grad():
    print("test mse", ((model(x[600:]) - visits[600:]) ** 2).mean().item())
