"""Wasserstein GAN with weight clipping on a noisy ring."""
import math
import torch
import torch.nn as nn


def real(n):
    a = 2 * math.pi * torch.rand(n)
    r = 1 + 0.05 * torch.randn(n)
    return torch.stack([r * a.cos(), r * a.sin()], 1)


def generator(z=4, h=48):
    return nn.Sequential(nn.Linear(z, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 2))


def critic(h=64):
    return nn.Sequential(nn.Linear(2, h), nn.LeakyReLU(0.2), nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Linear(h, 1))


class WGAN:
    def __init__(self, clip=0.1, n_critic=5, lr=1e-3):
        self.G, self.D = generator(), critic()
        self.clip, self.n_critic = clip, n_critic
        self.og = torch.optim.RMSprop(self.G.parameters(), lr=lr)
        self.od = torch.optim.RMSprop(self.D.parameters(), lr=lr)

    def sample(self, n):
        return self.G(torch.randn(n, 4))

    def critic_step(self, bs):
        fake = self.sample(bs).detach()
        loss = self.D(fake).mean() - self.D(real(bs)).mean()
        self.od.zero_grad()
        loss.backward()
        self.od.step()
        with torch.no_grad():
            for p in self.D.parameters():
                p.clamp_(-self.clip, self.clip)
        return -loss.item()

    def generator_step(self, bs):
        loss = -self.D(self.sample(bs)).mean()
        self.og.zero_grad()
        loss.backward()
        self.og.step()
        return loss.item()

    @torch.no_grad()
    def quality(self, n=1000):
        s = self.sample(n)
        radius_err = (s.norm(dim=1) - 1).abs().mean().item()
        ang = torch.atan2(s[:, 1], s[:, 0])
        hist = torch.histc(ang, 12, -math.pi, math.pi) / n
        return radius_err + (hist - 1 / 12).abs().sum().item()


def main():
    torch.manual_seed(2)
    w = WGAN()
    print(f"it 0 quality {w.quality():.4f}")
    for it in range(1, 701):
        for _ in range(w.n_critic):
            wd = w.critic_step(128)
        g = w.generator_step(128)
        if it % 100 == 0:
            print(f"it {it} critic_gap {wd:.4f} g_loss {g:.4f} quality {w.quality():.4f}")


if __name__ == "__main__":
    main()
