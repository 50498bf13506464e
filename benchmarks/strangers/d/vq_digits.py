"""VQ autoencoder, codebook learnt with straight-through gradients (van den Oord 2017)."""
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Codebook(nn.Module):
    def __init__(self, k, d, beta=0.25):
        super().__init__()
        self.emb = nn.Embedding(k, d)
        nn.init.uniform_(self.emb.weight, -1 / k, 1 / k)
        self.beta = beta

    def forward(self, z):
        flat = z.reshape(-1, z.size(-1))
        with torch.no_grad():
            code = torch.cdist(flat, self.emb.weight).argmin(1)
        q = self.emb(code).view_as(z)
        loss = F.mse_loss(q, z.detach()) + self.beta * F.mse_loss(z, q.detach())
        return z + (q - z).detach(), loss, code


class VQAE(nn.Module):
    def __init__(self, slots=8, d=4, k=32, hidden=128):
        super().__init__()
        self.slots, self.d = slots, d
        self.enc = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, slots * d))
        self.vq = Codebook(k, d)
        self.dec = nn.Sequential(nn.Linear(slots * d, hidden), nn.ReLU(), nn.Linear(hidden, 64))

    def forward(self, x):
        z = self.enc(x).view(len(x), self.slots, self.d)
        q, loss, code = self.vq(z)
        return self.dec(q.flatten(1)), loss, code


def main():
    torch.manual_seed(3)
    x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    x = x - x.mean(0)
    tr, te = x[:1400], x[1400:]
    net = VQAE()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    base = te.pow(2).mean().item()
    for epoch in range(30):
        net.train()
        tot = torch.zeros(2)
        for idx in torch.randperm(len(tr)).split(64):
            rec, vq, _ = net(tr[idx])
            mse = F.mse_loss(rec, tr[idx])
            opt.zero_grad()
            (10 * mse + vq).backward()
            opt.step()
            tot += torch.tensor([mse.item(), vq.item()]) * len(idx)
        if epoch % 5 == 4:
            net.eval()
            with torch.no_grad():
                rec, _, code = net(te)
            print(f"epoch {epoch + 1} mse {tot[0] / len(tr):.5f} vq {tot[1] / len(tr):.5f} "
                  f"codes used {code.unique().numel()} test unexplained {F.mse_loss(rec, te).item() / base:.4f}")


if __name__ == "__main__":
    main()
