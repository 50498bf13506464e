import copy

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(14)
angle = torch.rand(1500) * 3.1416
y = torch.randint(0, 2, (1500,))
x = torch.stack([angle.cos() + y * 1.0, angle.sin() * (1 - 2 * y) + y * 0.5], 1) + 0.15 * torch.randn(1500, 2)
labelled = torch.zeros(1500, dtype=torch.bool)
labelled[:120] = True

student = nn.Sequential(nn.Linear(2, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Dropout(0.1), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 2))
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad_(False)
opt = torch.optim.Adam(student.parameters(), lr=3e-3)
for step in range(400):
    a = torch.randint(0, 120, (40,))
    u = torch.randint(0, 1200, (120,))
    out = student(torch.cat([x[a], x[u] + 0.05 * torch.randn(120, 2)]))
    with torch.no_grad():
        aim = teacher(x[u]).softmax(1)
    loss = F.cross_entropy(out[:40], y[a]) + 0.5 * F.mse_loss(out[40:].softmax(1), aim)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        for p, q in zip(teacher.parameters(), student.parameters()):
            p.lerp_(q, 0.05)
        for p, q in zip(teacher.buffers(), student.buffers()):
            p.copy_(q)
teacher.eval()
with torch.no_grad():
    print("accuracy", (teacher(x[1200:]).argmax(1) == y[1200:]).float().mean().item())
