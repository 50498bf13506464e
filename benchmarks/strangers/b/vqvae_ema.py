"""VQ-VAE with EMA codebook on digits. Straight-through estimator, dead code restarts."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class VectorQuantizerEMA(nn.Module):
    def __init__(self, n_codes, dim, decay=0.95, eps=1e-5):
        super().__init__()
        self.decay, self.eps = decay, eps
        codes = torch.randn(n_codes, dim)
        self.register_buffer("codes", codes)
        self.register_buffer("count", torch.ones(n_codes))
        self.register_buffer("sums", codes.clone())

    def forward(self, z):
        flat = z.detach().reshape(-1, z.shape[-1])
        idx = torch.cdist(flat, self.codes).argmin(dim=1)
        if self.training:
            self.update(flat, idx)
        q = self.codes[idx].view_as(z)
        commit = F.mse_loss(z, q.detach())
        q = z + (q - z).detach()
        return q, commit, idx

    @torch.no_grad()
    def update(self, flat, idx):
        onehot = F.one_hot(idx, len(self.codes)).float()
        self.count.mul_(self.decay).add_(onehot.sum(0), alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(onehot.t() @ flat, alpha=1 - self.decay)
        dead = self.count < 0.1
        if dead.any():
            pick = flat[torch.randint(len(flat), (int(dead.sum()),))]
            self.sums[dead] = pick
            self.count[dead] = 1.0
        self.codes.copy_(self.sums / (self.count.unsqueeze(1) + self.eps))


class VQVAE(nn.Module):
    def __init__(self, slots=8, dim=4, n_codes=32):
        super().__init__()
        self.slots, self.dim = slots, dim
        self.enc = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, slots * dim))
        self.vq = VectorQuantizerEMA(n_codes, dim)
        self.dec = nn.Sequential(nn.Linear(slots * dim, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x):
        z = self.enc(x).view(-1, self.slots, self.dim)
        q, commit, idx = self.vq(z)
        return self.dec(q.flatten(1)), commit, idx


def main():
    torch.manual_seed(77)
    data = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    data = data[torch.randperm(len(data))]
    train, test = data[:1500], data[1500:]
    model = VQVAE()
    params = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.Adam(params, lr=3e-3)
    for epoch in range(30):
        model.train()
        for idx in torch.randperm(len(train)).split(75):
            x = train[idx]
            rec, commit, _ = model(x)
            loss = F.mse_loss(rec, x) * 10 + 0.25 * commit
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        rec, _, idx = model(test)
    used = idx.unique().numel()
    r2 = 1 - ((rec - test) ** 2).sum() / ((test - train.mean(0)) ** 2).sum()
    print(f"codes used {used}, reconstruction R^2 {r2.item():.4f}")


if __name__ == "__main__":
    main()
