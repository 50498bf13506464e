import math

import torch
import torch.nn as nn

torch.manual_seed(5)
x = torch.linspace(-1, 1, 200).unsqueeze(1)
y = torch.sin(2 * math.pi * x) + 0.05 * torch.randn_like(x)


class Wave(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.out = nn.Linear(width, 1)

    def forward(self, t):
        return self.out(self.inner(t))


class Fitter:
    def __init__(self):
        self.model = Wave()
        self.history = []

    def configure(self):
        return torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.95, nesterov=True)

    def fit(self, epochs):
        for epoch in range(epochs):
            opt = self.configure()
            loss = nn.functional.mse_loss(self.model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            self.history.append(loss.item())
            if epoch % 100 == 0:
                print(epoch, round(loss.item(), 4))


fitter = Fitter()
fitter.fit(600)
print("final mse", round(fitter.history[-1], 5))
