import torch
from torch import nn

torch.manual_seed(4)
HIDDEN, CHUNK = 24, 16

encode = nn.Sequential(nn.Linear(3, HIDDEN), nn.Tanh())
readout = nn.Linear(HIDDEN, 1)
optimizer = torch.optim.Adam([*encode.parameters(), *readout.parameters()], lr=5e-3)

memory = torch.zeros(CHUNK, HIDDEN)
level = torch.zeros(CHUNK, 1)
for step in range(400):
    x = torch.randn(CHUNK, 3)
    level = 0.8 * level + 0.2 * x[:, :1] * 2
    memory = 0.8 * memory.detach() + 0.2 * encode(x)
    loss = nn.functional.mse_loss(readout(memory), level)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"{step:4d} {loss.item():.4f}")
print(f"final mse {loss.item():.4f}")
