"""Updates every weight as soon as its gradient is there, so that gradients never pile up in memory."""
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

LR = 0.1


def sgd_hook(param):
    with torch.no_grad():
        param.add_(param.grad, alpha=-LR)
    param.grad = None


def main():
    torch.manual_seed(1)
    X, y = load_digits(return_X_y=True)
    X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
    y = torch.tensor(y)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    for p in model.parameters():
        p.register_post_accumulate_grad_hook(sgd_hook)
    for epoch in range(12):
        total = 0.0
        for rows in torch.randperm(1500).split(50):
            loss = nn.functional.cross_entropy(model(X[rows]), y[rows])
            loss.backward()
            total += loss.item()
        print(f"epoch {epoch} loss {total / 30:.4f}")
    acc = (model(X[1500:]).argmax(1) == y[1500:]).float().mean().item()
    print(f"accuracy {acc:.4f}")


if __name__ == "__main__":
    main()
