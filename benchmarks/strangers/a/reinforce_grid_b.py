# REINFORCE on a small grid world
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)
np.random.seed(0)

SIZE = 5
GOAL = (4, 4)
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]


class Grid:
    def reset(self):
        self.pos = (np.random.randint(0, 3), np.random.randint(0, 3))
        self.t = 0
        return self.obs()

    def obs(self):
        o = np.zeros(SIZE * SIZE, dtype=np.float32)
        o[self.pos[0] * SIZE + self.pos[1]] = 1
        return o

    def step(self, a):
        r = min(max(self.pos[0] + MOVES[a][0], 0), SIZE - 1)
        c = min(max(self.pos[1] + MOVES[a][1], 0), SIZE - 1)
        self.pos = (r, c)
        self.t += 1
        if self.pos == GOAL:
            return self.obs(), 1.0, True
        return self.obs(), -0.04, self.t >= 30


policy = nn.Sequential(nn.Linear(SIZE * SIZE, 32), nn.Tanh(), nn.Linear(32, 4))
opt = torch.optim.Adam(policy.parameters(), lr=0.01)
gamma = 0.97
env = Grid()
history = []


def discounted(rews):
    out, g = [], 0.0
    for r in reversed(rews):
        g = r + gamma * g
        out.append(g)
    return out[::-1]


for it in range(120):
    logps, rets = [], []
    for _ in range(8):
        s, done, rews = env.reset(), False, []
        while not done:
            dist = torch.distributions.Categorical(logits=policy(torch.from_numpy(s)))
            a = dist.sample()
            logps.append(dist.log_prob(a))
            s, r, done = env.step(int(a))
            rews.append(r)
        history.append(sum(rews))
        rets += discounted(rews)

    adv = torch.tensor(rets)
    adv = (adv - adv.mean()) / (adv.std() + 1e-6)
    logps = torch.stack(logps)
    loss = -(logps * adv).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 20 == 0:
        print("iter", it, "loss %.3f" % loss.item(), "return %.3f" % np.mean(history[-80:]))

print("mean return (last 100 episodes): %.3f" % np.mean(history[-100:]))
