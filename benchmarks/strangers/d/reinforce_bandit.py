"""REINFORCE with a running baseline on a contextual bandit with delayed pay-off."""
import torch
from torch import nn
from torch.distributions import Categorical


class Policy(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, k))

    def forward(self, x):
        return Categorical(logits=self.f(x))


class Market:
    def __init__(self, d=6, k=5, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.w = torch.randn(d, k, generator=g)
        self.d, self.k = d, k

    def sample(self, n):
        return torch.randn(n, self.d)

    def reward(self, x, a):
        value = x @ self.w
        best = value.max(1).values
        got = value.gather(1, a[:, None])[:, 0]
        return (got - best) + 0.3 * torch.randn(len(a))


def main(steps=600, n=64, entropy_weight=0.01):
    torch.manual_seed(15)
    env = Market()
    pi = Policy(env.d, env.k)
    opt = torch.optim.RMSprop(pi.parameters(), lr=3e-3)
    baseline = 0.0
    hist = []
    for t in range(1, steps + 1):
        x = env.sample(n)
        dist = pi(x)
        a = dist.sample()
        r = env.reward(x, a)
        adv = r - baseline
        loss = -(dist.log_prob(a) * adv).mean() - entropy_weight * dist.entropy().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        baseline += 0.05 * (r.mean().item() - baseline)
        hist.append((loss.item(), r.mean().item()))
        if t % 100 == 0:
            l, m = torch.tensor(hist[-100:]).mean(0).tolist()
            print(f"step {t} policy loss {l:+.4f} mean reward {m:.4f} entropy {dist.entropy().mean().item():.3f}")


if __name__ == "__main__":
    main()
