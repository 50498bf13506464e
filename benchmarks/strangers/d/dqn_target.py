"""DQN on a 1-D corridor, hard target updates, replay buffer."""
import copy
import random
from collections import deque
import torch
from torch import nn
import torch.nn.functional as F

N, GOAL, HORIZON = 9, 8, 40


class Corridor:
    def reset(self):
        self.s, self.t = random.randint(0, 3), 0
        return self.obs()

    def obs(self):
        return F.one_hot(torch.tensor(self.s), N).float()

    def step(self, a):
        if random.random() < 0.1:
            a = 1 - a
        self.s = max(0, min(N - 1, self.s + (1 if a == 1 else -1)))
        self.t += 1
        win = self.s == GOAL
        return self.obs(), (1.0 if win else -0.02), win, win or self.t >= HORIZON


class Q(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(N, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, s):
        return self.net(s)


class Agent:
    def __init__(self, gamma=0.95, lr=2e-3):
        self.q = Q()
        self.target = copy.deepcopy(self.q).requires_grad_(False)
        self.opt = torch.optim.Adam(self.q.parameters(), lr=lr)
        self.gamma = gamma
        self.memory = deque(maxlen=3000)
        self.updates = 0

    def act(self, s, eps):
        if random.random() < eps:
            return random.randint(0, 1)
        with torch.no_grad():
            return self.q(s).argmax().item()

    def learn(self, bs=64):
        if len(self.memory) < 200:
            return None
        s, a, r, s2, done = zip(*random.sample(self.memory, bs))
        s, s2 = torch.stack(s), torch.stack(s2)
        a, r, done = torch.tensor(a), torch.tensor(r), torch.tensor(done).float()
        with torch.no_grad():
            goal = r + self.gamma * (1 - done) * self.target(s2).max(1).values
        value = self.q(s).gather(1, a[:, None])[:, 0]
        loss = F.smooth_l1_loss(value, goal)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.updates += 1
        if self.updates % 100 == 0:
            self.target.load_state_dict(self.q.state_dict())
        return loss.item()


def main():
    torch.manual_seed(0)
    random.seed(0)
    env, agent = Corridor(), Agent()
    returns, losses = [], []
    for ep in range(160):
        s, done, total = env.reset(), False, 0.0
        eps = max(0.05, 1 - ep / 80)
        while not done:
            a = agent.act(s, eps)
            s2, r, win, done = env.step(a)
            agent.memory.append((s, a, r, s2, win))
            s, total = s2, total + r
            loss = agent.learn()
            if loss is not None:
                losses.append(loss)
        returns.append(total)
        if ep % 20 == 19:
            print(f"episode {ep + 1} eps {eps:.2f} td loss {sum(losses[-200:]) / max(1, len(losses[-200:])):.5f} "
                  f"mean return {sum(returns[-20:]) / 20:.3f}")


if __name__ == "__main__":
    main()
