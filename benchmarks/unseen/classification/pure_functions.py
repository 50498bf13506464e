import torch
from torch import nn
from torch.func import functional_call, grad_and_value

torch.manual_seed(19)
proto = torch.randn(6, 16)
y = torch.randint(0, 6, (1500,))
x = proto[y] + 0.9 * torch.randn(1500, 16)

net = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 6))
state = {k: v.detach().clone() for k, v in net.named_parameters()}
velocity = {k: torch.zeros_like(v) for k, v in state.items()}


def cost(params, xb, yb):
    return nn.functional.cross_entropy(functional_call(net, params, (xb,)), yb)


step = grad_and_value(cost)
for epoch in range(8):
    for ids in torch.randperm(1200).split(60):
        g, value = step(state, x[ids], y[ids])
        for k in state:
            velocity[k] = 0.9 * velocity[k] + g[k]
            state[k] = state[k] - 0.05 * velocity[k]
with torch.no_grad():
    print("accuracy", (functional_call(net, state, (x[1200:],)).argmax(1) == y[1200:]).float().mean().item())
