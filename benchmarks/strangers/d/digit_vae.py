import argparse
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description="VAE on 8x8 digits")
parser.add_argument("--latent", type=int, default=8)
parser.add_argument("--hidden", type=int, default=128)
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--beta", type=float, default=1.0)
parser.add_argument("--lr", type=float, default=2e-3)
args = parser.parse_args()
torch.manual_seed(1)

raw = load_digits().data
n_train = 1400
scaler = StandardScaler().fit(raw[:n_train])
data = torch.tensor(scaler.transform(raw), dtype=torch.float32)
train_loader = DataLoader(TensorDataset(data[:n_train]), batch_size=64, shuffle=True)
held_out = data[n_train:]


class VAE(nn.Module):
    def __init__(self, d, hidden, latent):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(d, hidden), nn.ReLU())
        self.mu = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.dec = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, d))

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        return mu + torch.randn_like(mu) * (0.5 * logvar).exp()

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h).clamp(-8, 8)
        return self.dec(self.reparameterize(mu, logvar)), mu, logvar


def elbo(logits, x, mu, logvar):
    rec = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return rec + args.beta * kl, rec, kl


def pixel_error(model):
    model.eval()
    with torch.no_grad():
        logits, _, _ = model(held_out)
    back = scaler.inverse_transform(torch.sigmoid(logits).numpy())
    return abs(back - raw[n_train:]).mean()


model = VAE(64, args.hidden, args.latent)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
for epoch in range(1, args.epochs + 1):
    model.train()
    sums = torch.zeros(3)
    for (x,) in train_loader:
        logits, mu, logvar = model(x)
        loss, rec, kl = elbo(logits, x, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 50.0)
        optimizer.step()
        sums += torch.tensor([loss.item(), rec.item(), kl.item()])
    sums /= len(train_loader)
    if epoch % 5 == 0:
        print(f"epoch {epoch:3d} elbo {sums[0]:.3f} rec {sums[1]:.3f} kl {sums[2]:.3f} "
              f"held-out pixel error {pixel_error(model):.3f}")
