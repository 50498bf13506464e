# Energy based model trained by contrastive divergence with Langevin sampling
# and a replay buffer of past samples. 2-d toy data.
import argparse
import torch
import torch.nn as nn
from sklearn.datasets import make_moons
from sklearn.metrics import roc_auc_score


class Energy(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


class Sampler:
    def __init__(self, model, size=2000, step=0.1, noise=0.1, n_steps=15):
        self.model, self.step, self.noise, self.n_steps = model, step, noise, n_steps
        self.buffer = 8 * torch.rand(size, 2) - 4

    def draw(self, n):
        slot = torch.randint(0, len(self.buffer), (n,))
        x = self.buffer[slot].clone()
        fresh = torch.rand(n) < 0.05
        x[fresh] = 8 * torch.rand(int(fresh.sum()), 2) - 4
        for p in self.model.parameters():
            p.requires_grad_(False)
        for _ in range(self.n_steps):
            x.requires_grad_(True)
            grad, = torch.autograd.grad(self.model(x).sum(), x)
            x = (x - self.step * grad.clamp(-1, 1) + self.noise * torch.randn_like(x)).detach()
        for p in self.model.parameters():
            p.requires_grad_(True)
        self.buffer[slot] = x
        return x


def main(a):
    torch.manual_seed(a.seed)
    pts, _ = make_moons(3000, noise=0.07, random_state=a.seed)
    pts = torch.tensor((pts - pts.mean(0)) / pts.std(0), dtype=torch.float32)
    train, test = pts[:2400], pts[2400:]
    model = Energy()
    sampler = Sampler(model)
    opt = torch.optim.Adam(model.parameters(), lr=a.lr, betas=(0.0, 0.999))
    for it in range(1, a.iters + 1):
        real = train[torch.randint(0, len(train), (a.batch,))]
        fake = sampler.draw(a.batch)
        e_real, e_fake = model(real), model(fake)
        cd = e_real.mean() - e_fake.mean()
        loss = cd + a.reg * (e_real.pow(2) + e_fake.pow(2)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if it % 100 == 0:
            print(f'it {it} cd {cd.item():+.4f} energy of data {e_real.mean().item():+.3f}')
    uniform = 8 * torch.rand(len(test), 2) - 4
    with torch.no_grad():
        scores = torch.cat([-model(test), -model(uniform)])
    labels = [1] * len(test) + [0] * len(uniform)
    print(f'AUC data vs uniform noise: {roc_auc_score(labels, scores.numpy()):.4f}')


if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--lr', type=float, default=2e-3)
    p.add_argument('--iters', type=int, default=500)
    p.add_argument('--batch', type=int, default=128)
    p.add_argument('--reg', type=float, default=0.05)
    main(p.parse_args())
