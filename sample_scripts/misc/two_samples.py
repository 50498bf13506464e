import torch
import torch.nn as nn
import torch.optim as optim

# tiny regression net
net = nn.Sequential(
    nn.Linear(8, 6),
    nn.ReLU(),
    nn.Linear(6, 1),
)

mse = nn.MSELoss()
opt = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

inp = torch.randn(2, 8)
goal = torch.randn(2, 1)

pred = net(inp)
loss = mse(pred, goal)

loss.backward()
opt.step()

print(f"Loss: {loss.item():.4f}")
