"""Logs every step, with all norms, to follow the training closely."""
import sys
import time

import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer


def log(*parts):
    print(time.strftime("%H:%M:%S"), *parts)
    sys.stdout.flush()


def main():
    X, y = load_breast_cancer(return_X_y=True)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    y = torch.tensor(y)
    model = nn.Sequential(nn.Linear(30, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5, weight_decay=1e-3)
    loss_fn = nn.CrossEntropyLoss()
    log(model)
    for step in range(240):
        rows = torch.randint(0, 450, (32,))
        model.train()
        loss = loss_fn(model(X[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        log("step", step, "loss", f"{loss.item():.6f}")
        for name, p in model.named_parameters():
            log("    ", name, "weight", f"{p.norm().item():.4f}", "grad", f"{p.grad.norm().item():.6f}")
        optimizer.step()
        if step % 20 == 19:
            model.eval()
            with torch.no_grad():
                log("====== held out accuracy", f"{(model(X[450:]).argmax(1) == y[450:]).float().mean().item():.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
