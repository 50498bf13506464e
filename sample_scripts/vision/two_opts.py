import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class Encoder(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.fc = nn.Linear(64, dim)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv(x))))
        return F.relu(self.fc(x.flatten(1)))


torch.manual_seed(0)
d = load_digits()
x = (torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) - 4.9) / 6
y = torch.tensor(d.target)
encoder, classifier = Encoder(), nn.Linear(32, 10)
enc_opt = torch.optim.SGD(encoder.parameters(), lr=0.08, momentum=0.9)
cls_opt = torch.optim.Adam(classifier.parameters(), lr=2e-3)

for epoch in range(8):
    for rows in torch.randperm(1500).split(50):
        logits = classifier(encoder(x[rows]))
        loss = F.cross_entropy(logits, y[rows])
        cls_opt.zero_grad()
        loss.backward()
        cls_opt.step()
        enc_opt.step()
    with torch.no_grad():
        acc = (classifier(encoder(x[1500:])).argmax(1) == y[1500:]).float().mean()
    print(f"epoch {epoch}: loss {loss.item():.3f}, acc {acc:.3f}")
