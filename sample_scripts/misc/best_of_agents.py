import copy

import torch
from sklearn.datasets import make_moons
from torch import nn


class Agent:
    def __init__(self, seed):
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
        self.opt = torch.optim.Adam(self.net.parameters(), lr=0.01)
        self.loss = nn.BCEWithLogitsLoss()

    def update(self, x, y):
        self.opt.zero_grad()
        value = self.loss(self.net(x), y)
        value.backward()
        self.opt.step()
        return value.item()

    def score(self, x, y):
        with torch.no_grad():
            return ((self.net(x) > 0) == (y > 0.5)).float().mean().item()


points, side = make_moons(600, noise=0.15, random_state=0)
points = torch.tensor(points, dtype=torch.float32)
side = torch.tensor(side, dtype=torch.float32)[:, None]

agent = Agent(0)
start = copy.deepcopy(agent.net)
agent.net.load_state_dict(start.state_dict())
for round_ in range(250):
    rows = torch.randint(0, 450, (64,))
    value = agent.update(points[rows], side[rows])
    if round_ % 50 == 0:
        print(round_, round(value, 4))
print("accuracy", agent.score(points[450:], side[450:]))
