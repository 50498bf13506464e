import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

config = dict(lr=0.3, momentum=0.9, batch=100, epochs=25, noise=0.3)


def build(hidden=32):
    encoder = nn.Sequential(nn.Linear(64, hidden), nn.Tanh())
    decoder = nn.Linear(hidden, 64)
    return encoder, decoder


torch.manual_seed(0)
np.random.seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32)
x = (x - x.mean(0)) / (x.std(0) + 0.1)
train, test = x[:1500], x[1500:]
encoder, decoder = build()
params = list(encoder.parameters()) + list(decoder.parameters())
optimizer = torch.optim.SGD(params, lr=config["lr"], momentum=config["momentum"])

for epoch in range(config["epochs"]):
    total = 0.0
    for start in range(0, len(train), config["batch"]):
        clean = train[start:start + config["batch"]]
        noisy = clean + config["noise"] * torch.randn_like(clean)
        loss = nn.functional.mse_loss(decoder(encoder(noisy)), clean)
        for p in params:
            p.grad = None
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("epoch", epoch, "train mse", round(total / 15, 5))

with torch.no_grad():
    print("test mse", nn.functional.mse_loss(decoder(encoder(test)), test).item())
