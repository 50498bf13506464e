"""Knowledge distillation on digits.

The teacher's logits are computed once and cached, the student then trains on
the cached soft targets (plus a little hard-label loss).
"""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Args:
    seed: int = 17
    temperature: float = 3.0
    alpha: float = 0.9
    teacher_epochs: int = 12
    student_epochs: int = 25
    batch_size: int = 64
    teacher_lr: float = 2e-3
    student_lr: float = 3e-3


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.features(x.view(-1, 1, 8, 8)).flatten(1))


class Student(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def forward(self, x):
        return self.layers(x)


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train_teacher(loader, args):
    net = Teacher()
    opt = torch.optim.Adam(net.parameters(), lr=args.teacher_lr)
    for _ in range(args.teacher_epochs):
        net.train()
        for x, y in loader:
            opt.zero_grad()
            F.cross_entropy(net(x), y).backward()
            opt.step()
    return net


@torch.no_grad()
def cache_logits(net, loader):
    net.eval()
    chunks = []
    for x, _ in loader:
        chunks.append(net(x))
    return torch.cat(chunks)


def kd_loss(student_logits, teacher_logits, y, args):
    t = args.temperature
    soft = F.kl_div(F.log_softmax(student_logits / t, dim=1),
                    F.softmax(teacher_logits / t, dim=1), reduction="batchmean") * t * t
    hard = F.cross_entropy(student_logits, y)
    return args.alpha * soft + (1 - args.alpha) * hard


def train_student(x, y, teacher_logits, args):
    net = Student()
    opt = torch.optim.Adam(net.parameters(), lr=args.student_lr)
    loader = DataLoader(TensorDataset(x, y, teacher_logits), batch_size=args.batch_size, shuffle=True)
    for epoch in range(args.student_epochs):
        net.train()
        total = 0.0
        for xb, yb, tb in loader:
            loss = kd_loss(net(xb), tb, yb, args)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        if (epoch + 1) % 5 == 0:
            print(f"student epoch {epoch + 1}: loss {total / len(loader):.4f}")
    return net


def main(args=Args()):
    torch.manual_seed(args.seed)
    d = load_digits()
    X = torch.tensor(d.data / 8.0 - 1.0, dtype=torch.float32)
    Y = torch.tensor(d.target)
    x_train, y_train, x_test, y_test = X[:1300], Y[:1300], X[1300:], Y[1300:]

    train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
    teacher = train_teacher(train_loader, args)
    print(f"teacher test accuracy: {accuracy(teacher, x_test, y_test):.4f}")

    teacher_logits = cache_logits(teacher, train_loader)
    student = train_student(x_train, y_train, teacher_logits, args)
    print(f"student test accuracy: {accuracy(student, x_test, y_test):.4f}")


main()
