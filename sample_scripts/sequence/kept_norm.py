"""Sentiment of synthetic token sequences with one attention block."""
import math

import torch
import torch.nn as nn

torch.manual_seed(0)
VOCAB, LEN, D = 40, 16, 32


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D)
        self.o, self.norm = nn.Linear(D, D), nn.LayerNorm(D)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / math.sqrt(D)
        context = torch.softmax(scores, -1) @ self.v(x)
        output = self.o(context)
        return self.norm(output)


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(D, 2 * D), nn.Linear(2 * D, D)
        self.norm = nn.LayerNorm(D)

    def forward(self, x):
        return self.norm(x + self.down(torch.relu(self.up(x))))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, D)
        self.attention, self.ff = Attention(), FeedForward()
        self.out = nn.Linear(D, 2)

    def forward(self, ids):
        return self.out(self.ff(self.attention(self.embed(ids))).mean(1))


valence = torch.randn(VOCAB)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for it in range(400):
    ids = torch.randint(0, VOCAB, (32, LEN))
    label = (valence[ids].sum(1) > 0).long()
    loss = nn.functional.cross_entropy(model(ids), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 100 == 0:
        print(it, loss.item())

ids = torch.randint(0, VOCAB, (1000, LEN))
label = (valence[ids].sum(1) > 0).long()
with torch.no_grad():
    print("accuracy", (model(ids).argmax(1) == label).float().mean().item())
