import torch
from torch import nn

torch.manual_seed(13)


def squares(n):
    x = torch.zeros(n, 1, 16, 16)
    for i in range(n):
        r, c = torch.randint(0, 9, (2,)).tolist()
        h, w = torch.randint(3, 8, (2,)).tolist()
        x[i, 0, r : r + h, c : c + w] = 1.0
    return x


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.LeakyReLU(0.1),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.LeakyReLU(0.1),
            nn.Flatten(), nn.Linear(256, 12),
        )
        self.dec = nn.Sequential(
            nn.Linear(12, 256), nn.LeakyReLU(0.1), nn.Unflatten(1, (16, 4, 4)),
            nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(8, 1, 4, 2, 1),
        )

    def forward(self, noisy):
        code = self.enc(noisy).detach()
        return self.dec(code), code


clean = squares(1200)
test = squares(200)
net = Denoiser()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
bce = nn.BCEWithLogitsLoss()
for epoch in range(8):
    for part in clean[torch.randperm(len(clean))].split(40):
        noisy = part + 0.4 * torch.randn_like(part)
        picture, code = net(noisy)
        loss = bce(picture, part) + 1e-4 * code.pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        rebuilt = net(test + 0.4 * torch.randn_like(test))[0]
        print("epoch", epoch, "loss", bce(rebuilt, test).item())
