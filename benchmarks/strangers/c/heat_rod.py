"""Physics-informed net for u'' = -k^2 sin(kx) on [0,1], u(0)=u(1)=0."""
import math
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(12)
K = 3 * math.pi


class Field(nn.Module):
    def __init__(self, width=24, depth=3):
        super().__init__()
        sizes = [1] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.last(x)


def d(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


def residual(net, x):
    u = net(x)
    return d(d(u, x), x) + K ** 2 * torch.sin(K * x)


def objective(net, x, edge):
    pde = residual(net, x).pow(2).mean()
    bc = net(edge).pow(2).mean()
    return pde + 100.0 * bc


def error(net):
    with torch.no_grad():
        g = torch.linspace(0, 1, 200).unsqueeze(1)
        return (net(g) - torch.sin(K * g)).abs().max().item()


def main():
    net = Field()
    x = torch.linspace(0, 1, 64).unsqueeze(1).requires_grad_(True)
    edge = torch.tensor([[0.0], [1.0]])
    adam = torch.optim.Adam(net.parameters(), lr=5e-3)
    print(f"start max_error {error(net):.5f}")
    for it in range(300):
        adam.zero_grad()
        loss = objective(net, x, edge)
        loss.backward()
        adam.step()
        if it % 100 == 0:
            print(f"adam {it} loss {loss.item():.4f} max_error {error(net):.5f}")

    lbfgs = torch.optim.LBFGS(net.parameters(), lr=1.0, max_iter=20, history_size=20, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        value = objective(net, x, edge)
        value.backward()
        return value

    for it in range(15):
        loss = lbfgs.step(closure)
        if it % 5 == 4:
            print(f"lbfgs {it} loss {loss.item():.6f} max_error {error(net):.5f}")


if __name__ == "__main__":
    main()
