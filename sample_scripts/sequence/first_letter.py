import random

import torch
from torch import nn

random.seed(5)
torch.manual_seed(5)
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def make_word():
    """The label is the letter that opens the word."""
    label = random.randrange(26)
    word = [label] + [random.randrange(26) for _ in range(random.randint(3, 6))]
    return word + [26] * (8 - len(word)), label


def draw(n):
    pairs = [make_word() for _ in range(n)]
    return torch.tensor([p[0] for p in pairs]), torch.tensor([p[1] for p in pairs])


class WordLSTM(nn.Module):
    def __init__(self, emb=12, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(27, emb)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 26)

    def forward(self, ids):
        _, (h, _) = self.lstm(self.embedding(ids))
        scores = self.out(h[-1])
        return scores


model = WordLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()

for step in range(1, 601):
    ids, label = draw(32)
    optimizer.zero_grad()
    loss = criterion(model(ids), label)
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"{step} {loss.item():.3f}")

ids, label = draw(600)
print("accuracy", (model(ids).argmax(1) == label).float().mean().item())
