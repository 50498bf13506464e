import argparse
import torch
import torch.nn.functional as F
from torch import nn
from sklearn.datasets import load_digits


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def perturb(model, x, y, eps, steps, step_size):
    """loss is pushed up on the input, with fixed batch statistics"""
    was_training = model.training
    model.eval()
    delta = (2 * torch.rand_like(x) - 1) * eps
    for _ in range(steps):
        delta.requires_grad_(True)
        loss = F.cross_entropy(model(x + delta), y)
        grad, = torch.autograd.grad(loss, delta)
        delta = (delta.detach() + step_size * grad.sign()).clamp(-eps, eps)
        delta = (x + delta).clamp(0, 1) - x
    model.train(was_training)
    return (x + delta).detach()


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--eps", type=float, default=0.1)
    ap.add_argument("--attack-steps", type=int, default=3)
    ap.add_argument("--epochs", type=int, default=12)
    a = ap.parse_args()
    torch.manual_seed(50)
    d = load_digits()
    x = torch.tensor(d.data).float() / 16
    y = torch.tensor(d.target)
    p = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    tr, te = p[:1350], p[1350:]
    model = mlp()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [8, 10], 0.3)
    for ep in range(a.epochs):
        model.train()
        tot = 0.0
        for idx in tr[torch.randperm(len(tr))].split(64):
            adv = perturb(model, x[idx], y[idx], a.eps, a.attack_steps, a.eps / 2)
            loss = F.cross_entropy(model(adv), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        sched.step()
        xa = perturb(model, x[te], y[te], a.eps, 5, a.eps / 3)
        print(f"epoch {ep:2d} adv_loss {tot / len(tr):.4f} clean {accuracy(model, x[te], y[te]):.4f} robust {accuracy(model, xa, y[te]):.4f}")


if __name__ == "__main__":
    main()
