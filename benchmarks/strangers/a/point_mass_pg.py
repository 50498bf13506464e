"""Policy gradient (Gaussian policy, learned baseline) for parking a point mass."""
import torch
from torch import nn
from torch.distributions import Normal


class PointMass:
    """Batch of 1-d masses. State = (position, velocity), action = force."""

    def __init__(self, n):
        self.n = n

    def reset(self):
        self.s = torch.empty(self.n, 2).uniform_(-1, 1)
        return self.s

    def step(self, a):
        x, v = self.s.unbind(1)
        a = a.squeeze(1).clamp(-2, 2)
        v = 0.98 * v + 0.15 * a + 0.02 * torch.randn(self.n)
        x = x + 0.15 * v
        self.s = torch.stack([x, v], 1).clamp(-3, 3)
        return self.s, -(x ** 2 + 0.1 * v ** 2 + 0.01 * a ** 2)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
        nn.init.zeros_(self.mean[-1].weight)
        nn.init.zeros_(self.mean[-1].bias)
        self.log_std = nn.Parameter(torch.tensor([-0.3]))
        self.value = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))

    def dist(self, s):
        return Normal(self.mean(s), self.log_std.exp())


def rollout(env, agent, horizon=30, greedy=False):
    s = env.reset()
    S, A, R = [], [], []
    for _ in range(horizon):
        with torch.no_grad():
            d = agent.dist(s)
            a = d.mean if greedy else d.sample()
        S.append(s)
        A.append(a)
        s, r = env.step(a)
        R.append(r)
    return torch.stack(S), torch.stack(A), torch.stack(R)


def returns(R, gamma=0.95):
    out = torch.zeros_like(R)
    g = torch.zeros(R.shape[1])
    for t in reversed(range(len(R))):
        g = R[t] + gamma * g
        out[t] = g
    return out


def main():
    torch.manual_seed(10)
    env, agent = PointMass(48), Agent()
    opt = torch.optim.Adam([
        {"params": list(agent.mean.parameters()) + [agent.log_std], "lr": 5e-3},
        {"params": agent.value.parameters(), "lr": 2e-2},
    ])
    before = rollout(PointMass(500), agent, greedy=True)[2].sum(0).mean().item()
    for it in range(250):
        S, A, R = rollout(env, agent)
        G = returns(R)
        v = agent.value(S).squeeze(-1)
        adv = G - v.detach()
        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
        d = agent.dist(S)
        logp = d.log_prob(A).squeeze(-1)
        loss = -(logp * adv).mean() + 0.5 * (v - G).pow(2).mean() - 1e-3 * d.entropy().mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        opt.step()
        if it % 50 == 0:
            print("it", it, "loss %.3f" % loss.item(), "return %.2f" % R.sum(0).mean().item())
    after = rollout(PointMass(500), agent, greedy=True)[2].sum(0).mean().item()
    print("untrained return %.2f" % before)
    print("trained return %.2f" % after)


if __name__ == "__main__":
    main()
