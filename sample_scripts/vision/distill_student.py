import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)


def mlp(width):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


teacher = mlp(128)
opt = torch.optim.Adam(teacher.parameters(), lr=3e-3)
for i in range(300):
    rows = torch.randint(0, 1200, (64,))
    loss = F.cross_entropy(teacher(X[rows]), y[rows])
    opt.zero_grad()
    loss.backward()
    opt.step()
teacher.eval()
print("teacher accuracy", (teacher(X[1200:]).argmax(1) == y[1200:]).float().mean().item())

student = mlp(24)
opt = torch.optim.Adam(student.parameters(), lr=3e-3)
T = 2.0
for i in range(400):
    rows = torch.randint(0, 1200, (64,))
    with torch.no_grad():
        teacher_logits = teacher(X[rows])
    student_logits = student(X[rows])
    soft = F.kl_div(F.log_softmax(student_logits / T, 1), F.softmax(teacher_logits / T, 1), reduction="batchmean")
    loss = soft * T * T
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 100 == 0:
        print(i, f"distillation {loss.item():.4f}")
print("accuracy", (student(X[1200:]).argmax(1) == y[1200:]).float().mean().item())
