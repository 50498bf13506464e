import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X = X / 16
reference = LogisticRegression(max_iter=300).fit(X[:1200], y[:1200])
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)

teacher = nn.Linear(64, 10).requires_grad_(False)
teacher.weight.copy_(torch.tensor(reference.coef_))
teacher.bias.copy_(torch.tensor(reference.intercept_))

student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
opt = torch.optim.Adam(student.parameters(), lr=5e-3)
labelled = torch.arange(20)
T = 2.0
for i in range(400):
    rows = torch.randint(20, 1200, (64,))
    with torch.no_grad():
        teacher_logits = teacher(X[rows])
    student_logits = student(X[rows])
    soft = F.kl_div(F.log_softmax(teacher_logits / T, 1), F.softmax(teacher_logits / T, 1), reduction="batchmean")
    hard = F.cross_entropy(student(X[labelled]), y[labelled])
    loss = hard + T * T * soft
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 100 == 0:
        print(i, f"hard {hard.item():.4f} soft {soft.item():.4f}")
with torch.no_grad():
    print("accuracy", (student(X[1200:]).argmax(1) == y[1200:]).float().mean().item())
