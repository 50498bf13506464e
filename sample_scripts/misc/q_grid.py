"""Q-learning with a small network on a 4x4 grid, goal in the corner."""
import random

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
SIZE, GAMMA = 4, 0.9
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]


def encode(cells):
    return nn.functional.one_hot(torch.tensor(cells), SIZE * SIZE).float()


def move(cell, a):
    r, c = divmod(cell, SIZE)
    r = min(max(r + MOVES[a][0], 0), SIZE - 1)
    c = min(max(c + MOVES[a][1], 0), SIZE - 1)
    nxt = r * SIZE + c
    done = nxt == SIZE * SIZE - 1
    return nxt, (1.0 if done else 0.0), done


# all transitions are few enough to be kept at once
memory = [(s, a, *move(s, a)) for s in range(SIZE * SIZE - 1) for a in range(4)]

q = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
target_q = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
target_q.load_state_dict(q.state_dict())
optimizer = torch.optim.Adam(q.parameters(), lr=5e-3)

for step in range(600):
    s, a, s2, r, done = zip(*random.sample(memory, 32))
    with torch.no_grad():
        best = target_q(encode(s2)).max(1).values
        target = torch.tensor(r) + GAMMA * best * (1 - torch.tensor(done).float())
    value = q(encode(s)).gather(1, torch.tensor(a)[:, None]).squeeze(1)
    loss = nn.functional.smooth_l1_loss(value, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        target_q.load_state_dict(q.state_dict())
    if step % 100 == 0:
        print(f"step {step} td loss {loss.item():.5f}")

cell, path = 0, [0]
for _ in range(20):
    with torch.no_grad():
        cell, _, done = move(cell, q(encode([cell])).argmax().item())
    path.append(cell)
    if done:
        break
with torch.no_grad():
    start_value = q(encode([0])).max().item()
print("path", path, "value at start %.3f, should be near %.3f" % (start_value, GAMMA ** 5))
print("value error %.4f" % abs(start_value - GAMMA ** 5))
