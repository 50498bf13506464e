"""REINFORCE on a short corridor: walk right to reach the door."""
import torch
import torch.nn as nn
from torch.distributions import Categorical

LENGTH = 7
MAX_STEPS = 30


class Corridor:
    def reset(self):
        self.pos = LENGTH // 2
        self.t = 0
        return self.obs()

    def obs(self):
        o = torch.zeros(LENGTH)
        o[self.pos] = 1.0
        return o

    def step(self, action):
        self.pos = max(0, min(LENGTH - 1, self.pos + (1 if action == 1 else -1)))
        self.t += 1
        done = self.pos == LENGTH - 1 or self.t >= MAX_STEPS
        return self.obs(), (1.0 if self.pos == LENGTH - 1 else -0.05), done


torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(LENGTH, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
env = Corridor()
baseline = 0.0

for episode in range(250):
    obs, done, log_probs, rewards = env.reset(), False, [], []
    while not done:
        dist = Categorical(logits=policy(obs))
        action = dist.sample()
        log_probs.append(dist.log_prob(action))
        obs, r, done = env.step(action.item())
        rewards.append(r)
    returns, g = [], 0.0
    for r in reversed(rewards):
        g = r + 0.95 * g
        returns.insert(0, g)
    returns = torch.tensor(returns)
    loss = -(torch.stack(log_probs) * (returns - baseline)).sum()
    baseline = 0.95 * baseline + 0.05 * returns.mean().item()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 25 == 0:
        print(f"episode {episode} steps {len(rewards)} return {sum(rewards):.2f}")

total = 0.0
for _ in range(20):
    obs, done = env.reset(), False
    while not done:
        obs, r, done = env.step(Categorical(logits=policy(obs)).sample().item())
        total += r
print(f"average return {total / 20:.3f}")
