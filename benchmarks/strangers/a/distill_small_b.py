"""Train a wide teacher on the digits and distil it into a small student."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

T = 4.0
torch.manual_seed(21)

X, y = load_digits(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X / 16.0, y, test_size=0.25, random_state=21, stratify=y)
Xtr, Xte = torch.tensor(Xtr, dtype=torch.float32), torch.tensor(Xte, dtype=torch.float32)
ytr, yte = torch.tensor(ytr), torch.tensor(yte)


def mlp(*sizes):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)


def accuracy(net):
    net.eval()
    with torch.no_grad():
        return (net(Xte).argmax(1) == yte).float().mean().item()


def fit(net, loss_fn, lr, epochs, bs=64):
    opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    sched = torch.optim.lr_scheduler.StepLR(opt, step_size=max(1, epochs // 2), gamma=0.3)
    for ep in range(epochs):
        net.train()
        total = 0.0
        for idx in torch.randperm(len(Xtr)).split(bs):
            loss = loss_fn(net, Xtr[idx], ytr[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        sched.step()
        if ep % 10 == 0 or ep == epochs - 1:
            print(f"  ep {ep:3d} loss {total / len(Xtr):.4f} acc {accuracy(net):.4f}")


teacher = mlp(64, 256, 256, 10)
print("teacher")
fit(teacher, lambda net, x, t: F.cross_entropy(net(x), t), lr=0.05, epochs=40)
teacher.requires_grad_(False)


def distill_loss(net, x, t):
    with torch.no_grad():
        soft = F.softmax(teacher(x) / T, dim=1)
    pred = F.log_softmax(net(x) / T, dim=1)
    return F.kl_div(pred, soft, reduction="batchmean") * T * T


student = mlp(64, 24, 10)
print("student")
fit(student, distill_loss, lr=0.02, epochs=60)
print(f"teacher {accuracy(teacher):.4f} student {accuracy(student):.4f}")
