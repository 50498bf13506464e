# Wasserstein GAN (weight clipping) on a 2-d mixture of three Gaussians
import torch
import torch.nn as nn

torch.manual_seed(33)

n_critic = 4
clip_value = 0.1
z_dim = 2
batch = 128
iterations = 700


def mixture(n):
    centers = torch.tensor([[-1.5, 0.0], [1.5, 0.0], [0.0, 1.8]])
    return centers[torch.randint(0, 3, (n,))] + 0.2 * torch.randn(n, 2)


def mlp(i, o, h=64):
    return nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))


def sliced_wasserstein(a, b, k=100):
    dirs = nn.functional.normalize(torch.randn(2, k), dim=0)
    return ((a @ dirs).sort(0).values - (b @ dirs).sort(0).values).abs().mean().item()


class WGAN:
    def __init__(self):
        self.gen, self.critic = mlp(z_dim, 2), mlp(2, 1)
        self.opt_gen = torch.optim.RMSprop(self.gen.parameters(), lr=1e-3)
        self.opt_critic = torch.optim.RMSprop(self.critic.parameters(), lr=1e-3)

    def critic_step(self):
        real, fake = mixture(batch), self.gen(torch.randn(batch, z_dim))
        loss = self.critic(fake).mean() - self.critic(real).mean()
        self.opt_critic.zero_grad()
        loss.backward()
        self.opt_critic.step()
        for p in self.critic.parameters():
            p.data.clamp_(-clip_value, clip_value)
        return loss.item()

    def generator_step(self):
        self.opt_gen.zero_grad()
        loss = -self.critic(self.gen(torch.randn(batch, z_dim))).mean()
        loss.backward()
        self.opt_gen.step()
        return loss.item()

    @torch.no_grad()
    def distance(self, n=1000):
        return sliced_wasserstein(self.gen(torch.randn(n, z_dim)), mixture(n))


gan = WGAN()
print("before: %.4f" % gan.distance())
for it in range(1, iterations + 1):
    for _ in range(n_critic):
        c_loss = gan.critic_step()
    g_loss = gan.generator_step()
    if it % 140 == 0:
        print("[%d/%d] critic %.4f generator %.4f distance %.4f" % (it, iterations, c_loss, g_loss, gan.distance()))

print("sliced Wasserstein distance (lower is better): %.4f" % gan.distance())
