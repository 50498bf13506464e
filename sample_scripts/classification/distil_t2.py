import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

TEMPERATURE = 2.0


def digits():
    d = load_digits()
    x = torch.tensor(d.data, dtype=torch.float32)
    x = (x - x.mean()) / x.std()
    return x, torch.tensor(d.target)


def mlp(width):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def train_teacher(x, y):
    teacher = mlp(128)
    opt = torch.optim.Adam(teacher.parameters(), lr=3e-3)
    for _ in range(60):
        opt.zero_grad()
        F.cross_entropy(teacher(x), y).backward()
        opt.step()
    return teacher.eval()


def distil(teacher, x, epochs=10):
    student = mlp(24)
    opt = torch.optim.SGD(student.parameters(), lr=0.05)
    for epoch in range(epochs):
        for idx in torch.randperm(len(x)).split(64):
            with torch.no_grad():
                soft = F.softmax(teacher(x[idx]) / TEMPERATURE, dim=1)
            pred = F.log_softmax(student(x[idx]) / TEMPERATURE, dim=1)
            loss = F.kl_div(pred, soft, reduction="batchmean") * TEMPERATURE ** 2
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {epoch}: {loss.item():.4f}")
    return student


def main():
    torch.manual_seed(9)
    x, y = digits()
    train, test = slice(0, 1400), slice(1400, None)
    teacher = train_teacher(x[train], y[train])
    student = distil(teacher, x[train])
    with torch.no_grad():
        acc = (student(x[test]).argmax(1) == y[test]).float().mean().item()
    print("student acc", acc)


main()
