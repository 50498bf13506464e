import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(22)


class ConvVAE(nn.Module):
    def __init__(self, latent=6):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.LeakyReLU(0.1), nn.Conv2d(16, 32, 3, 2, 1),
                                 nn.LeakyReLU(0.1), nn.Flatten())
        self.stats = nn.Linear(128, 2 * latent)
        self.up = nn.Linear(latent, 128)
        self.dec = nn.Sequential(nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.LeakyReLU(0.1),
                                 nn.ConvTranspose2d(16, 1, 4, 2, 1))

    def forward(self, x):
        mu, logvar = self.stats(self.enc(x)).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.dec(self.up(z).view(-1, 32, 2, 2)), mu, logvar


def vae_loss(logits, x, mu, logvar):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
train_loader = DataLoader(TensorDataset(images[:1500]), batch_size=100, shuffle=True)
test = images[1500:]

model = ConvVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def test_elbo():
    model.eval()
    with torch.no_grad():
        value = vae_loss(model(test)[0], test, *model(test)[1:]).item() / len(test)
    return value


for epoch in range(1, 16):
    model.train()
    train_loss = 0
    for batch_idx, (data,) in enumerate(train_loader):
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = vae_loss(recon, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
        if epoch == 1 and batch_idx % 5 == 0:
            print("Train Epoch: {} [{}/{}] Loss: {:.4f}".format(
                epoch, batch_idx * len(data), len(train_loader.dataset), loss.item() / len(data)))
    print("====> Epoch: {} Average loss: {:.4f} test: {:.4f}".format(
        epoch, train_loss / len(train_loader.dataset), test_elbo()))
