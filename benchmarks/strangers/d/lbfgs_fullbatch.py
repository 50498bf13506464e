"""Softmax regression and a small net, full batch, LBFGS with strong Wolfe search."""
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_wine

SEED = 16


def load():
    x, y = load_wine(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(y))
    x, y = x[order], y[order]
    x = (x - x[:130].mean(0)) / x[:130].std(0)
    x, y = torch.tensor(x, dtype=torch.float64), torch.tensor(y)
    return x[:130], y[:130], x[130:], y[130:]


def fit(model, x, y, outer=12, l2=1e-3):
    opt = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=8, history_size=10, line_search_fn="strong_wolfe")
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss = loss + l2 * sum(p.pow(2).sum() for p in model.parameters())
        loss.backward()
        return loss

    for k in range(outer):
        loss = opt.step(closure)
        if k % 4 == 0:
            print(f"   outer {k:2d} objective {loss.item():.6f} evaluations {calls}")
    return model


def accuracy(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).double().mean().item()


def main():
    torch.manual_seed(SEED)
    xt, yt, xv, yv = load()
    candidates = {
        "softmax regression": nn.Linear(13, 3),
        "tanh net": nn.Sequential(nn.Linear(13, 8), nn.Tanh(), nn.Linear(8, 3)),
    }
    for name, model in candidates.items():
        print(name)
        fit(model.double(), xt, yt)
        print(f"{name}: train accuracy {accuracy(model, xt, yt):.4f} test accuracy {accuracy(model, xv, yv):.4f}")


if __name__ == "__main__":
    main()
