import torch
import torch.nn as nn
import torch.optim as optim


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, x):
        return self.main(x)


def reset_grad():
    d_optimizer.zero_grad()
    g_optimizer.zero_grad()


torch.manual_seed(3)
D, G = Discriminator(), Generator()
criterion = nn.BCELoss()
d_optimizer = optim.Adam(D.parameters(), lr=0.002, betas=(0.5, 0.999))
g_optimizer = optim.Adam(G.parameters(), lr=0.002, betas=(0.5, 0.999))
batch_size = 100
real_labels = torch.ones(batch_size, 1)
fake_labels = torch.zeros(batch_size, 1)

for step in range(800):
    x = 1.0 + 0.5 * torch.randn(batch_size, 1)
    d_loss_real = criterion(D(x), real_labels)
    fake = G(torch.randn(batch_size, 4))
    d_loss_fake = criterion(D(fake), fake_labels)
    d_loss = d_loss_real + d_loss_fake
    reset_grad()
    d_loss.backward()
    d_optimizer.step()

    fake = G(torch.randn(batch_size, 4))
    g_loss = criterion(D(fake), real_labels)
    reset_grad()
    g_loss.backward()
    g_optimizer.step()

    if (step + 1) % 100 == 0:
        print("Step [{}/800], d_loss: {:.4f}, g_loss: {:.4f}".format(step + 1, d_loss.item(), g_loss.item()))

out = G(torch.randn(1000, 4))
print("mean {:.3f} std {:.3f}".format(out.mean().item(), out.std().item()))
print("moment error {:.3f}".format(abs(out.mean().item() - 1.0) + abs(out.std().item() - 0.5)))
