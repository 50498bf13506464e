import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer


def shuffle_in_unison(arrays, seed):
    rng = np.random.default_rng(seed)
    out = []
    for a in arrays:
        out.append(a[rng.permutation(len(a))])
    return out


def split(x, y, frac=0.8):
    k = int(len(x) * frac)
    return (x[:k], y[:k]), (x[k:], y[k:])


def zscore(train, test):
    m, s = train.mean(0), train.std(0)
    return (train - m) / s, (test - m) / s


def init(sizes):
    params = []
    for i, o in zip(sizes[:-1], sizes[1:]):
        w = torch.randn(i, o) * (2.0 / i) ** 0.5
        b = torch.zeros(o)
        params += [w.requires_grad_(), b.requires_grad_()]
    return params


def forward(params, x):
    pairs = list(zip(params[::2], params[1::2]))
    for w, b in pairs[:-1]:
        x = F.relu(x @ w + b)
    w, b = pairs[-1]
    return x @ w + b


def sgd_update(params, grads, velocity, lr, mu=0.9):
    with torch.no_grad():
        for p, g, v in zip(params, grads, velocity):
            v.mul_(mu).add_(g)
            p.sub_(lr * v)


def evaluate(params, x, y):
    with torch.no_grad():
        logits = forward(params, x)
        return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main(seed=5, epochs=20, lr=0.02, batch=32):
    torch.manual_seed(seed)
    x, y = load_breast_cancer(return_X_y=True)
    x, y = shuffle_in_unison([x, y], seed)
    (x_tr, y_tr), (x_te, y_te) = split(x, y)
    x_tr, x_te = zscore(x_tr, x_te)
    x_tr, x_te = torch.tensor(x_tr).float(), torch.tensor(x_te).float()
    y_tr, y_te = torch.tensor(y_tr), torch.tensor(y_te)

    params = init([x.shape[1], 32, 16, 2])
    vel = [torch.zeros_like(p) for p in params]
    for epoch in range(epochs):
        perm = torch.randperm(len(x_tr))
        total = 0.0
        for i in range(0, len(perm), batch):
            idx = perm[i:i + batch]
            loss = F.cross_entropy(forward(params, x_tr[idx]), y_tr[idx])
            grads = torch.autograd.grad(loss, params)
            sgd_update(params, grads, vel, lr)
            total += loss.item() * len(idx)
        te_loss, te_acc = evaluate(params, x_te, y_te)
        print(f"{epoch:3d} train_loss={total / len(x_tr):.4f} test_loss={te_loss:.4f} test_acc={te_acc:.4f}")


if __name__ == "__main__":
    main()
