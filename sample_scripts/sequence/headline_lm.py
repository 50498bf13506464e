import random

import torch
from torch import nn
import torch.nn.functional as F

random.seed(0)
torch.manual_seed(0)
words = [a + b for a in "bdfgklmp" for b in "aeiou"]
rules = {w: random.sample(words, 3) for w in words}


def sentence(n=12):
    out = [random.choice(words)]
    while len(out) < n:
        out.append(random.choices(rules[out[-1]], weights=[8, 2, 1])[0])
    return [words.index(w) for w in out]


data = torch.tensor([sentence() for _ in range(600)])
train, valid = data[:500], data[500:]


class Summariser(nn.Module):
    def __init__(self, vocab, hidden):
        super().__init__()
        self.emb = nn.Embedding(vocab, hidden)
        self.rnn = nn.LSTM(hidden, hidden, batch_first=True)
        self.proj = nn.Linear(hidden, vocab)

    def forward(self, ids):
        states, _ = self.rnn(self.emb(ids))
        return F.log_softmax(self.proj(states), dim=-1)


model = Summariser(len(words), 32)
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for epoch in range(8):
    for batch in train[torch.randperm(len(train))].split(25):
        probs = model(batch[:, :-1])
        loss = criterion(probs.reshape(-1, len(words)), batch[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        guess = model(valid[:, :-1]).argmax(-1)
        acc = (guess == valid[:, 1:]).float().mean().item()
    print("epoch", epoch, "loss", loss.item(), "acc", acc)
