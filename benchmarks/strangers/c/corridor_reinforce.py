"""Actor-critic on a 1-D corridor with a moving goal. No gym needed."""
import torch
import torch.nn as nn
from torch.distributions import Categorical

SIZE, MAX_STEPS, ENVS = 9, 20, 16


class Corridor:
    """Vectorised: agent must reach the goal cell; wind pushes it left with prob .15"""

    def __init__(self, n, gen):
        self.n, self.gen = n, gen

    def reset(self):
        self.pos = torch.randint(0, SIZE, (self.n,), generator=self.gen)
        self.goal = torch.randint(0, SIZE, (self.n,), generator=self.gen)
        self.done = torch.zeros(self.n, dtype=torch.bool)
        return self.obs()

    def obs(self):
        o = torch.zeros(self.n, 2 * SIZE)
        i = torch.arange(self.n)
        o[i, self.pos] = 1
        o[i, SIZE + self.goal] = 1
        return o

    def step(self, a):
        wind = (torch.rand(self.n, generator=self.gen) < 0.15).long()
        self.pos = (self.pos + a - 1 - wind).clamp(0, SIZE - 1)
        hit = (self.pos == self.goal) & (a == 1)
        r = torch.where(self.done, torch.zeros(self.n), torch.where(hit, torch.ones(self.n), torch.full((self.n,), -0.05)))
        alive = ~self.done
        self.done = self.done | hit
        return self.obs(), r, alive


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2 * SIZE, 64), nn.Tanh())
        self.pi = nn.Linear(64, 3)
        self.v = nn.Linear(64, 1)

    def forward(self, o):
        h = self.body(o)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


def rollout(env, agent):
    o = env.reset()
    out = {"logp": [], "v": [], "r": [], "ent": [], "mask": []}
    for _ in range(MAX_STEPS):
        dist, v = agent(o)
        a = dist.sample()
        o, r, alive = env.step(a)
        for k, t in zip(out, (dist.log_prob(a), v, r, dist.entropy(), alive.float())):
            out[k].append(t)
    return {k: torch.stack(v) for k, v in out.items()}


def returns(r, gamma=0.97):
    g, acc = torch.zeros_like(r), torch.zeros(r.size(1))
    for t in reversed(range(len(r))):
        acc = r[t] + gamma * acc
        g[t] = acc
    return g


def main(updates=300):
    torch.manual_seed(0)
    env = Corridor(ENVS, torch.Generator().manual_seed(3))
    agent = Agent()
    opt = torch.optim.Adam(agent.parameters(), lr=5e-3)
    avg = None
    for u in range(updates):
        d = rollout(env, agent)
        ret = returns(d["r"])
        adv = (ret - d["v"]).detach()
        m = d["mask"]
        policy = -(d["logp"] * adv * m).sum() / m.sum()
        value = ((d["v"] - ret) ** 2 * m).sum() / m.sum()
        entropy = (d["ent"] * m).sum() / m.sum()
        loss = policy + 0.5 * value - 0.01 * entropy
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        opt.step()
        score = d["r"].sum(0).mean().item()
        avg = score if avg is None else 0.95 * avg + 0.05 * score
        if u % 50 == 0 or u == updates - 1:
            print(f"update {u} loss {loss.item():.4f} return {avg:.4f}")


if __name__ == "__main__":
    main()
