import itertools
import random

import torch
import torch.nn.functional as F

random.seed(11)
torch.manual_seed(11)
LENGTH, VOCAB, CLASSES = 24, 3, 6


def sequences():
    while True:
        depth, symbols, deepest = 0, [], 0
        for _ in range(LENGTH):
            move = random.choice([1, -1, 0])
            if depth + move < 0:
                move = 0
            depth += move
            deepest = max(deepest, depth)
            symbols.append(move + 1)
        yield symbols, min(deepest, CLASSES - 1)


def batches(size):
    stream = sequences()
    while True:
        rows = list(itertools.islice(stream, size))
        yield torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])


class Counter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(VOCAB, 16)
        self.rnn = torch.nn.GRU(16, 48, batch_first=True)
        self.out = torch.nn.Linear(48, CLASSES)

    def forward(self, tokens):
        states, last = self.rnn(self.emb(tokens))
        return self.out(last[-1])


net = Counter()
adam = torch.optim.Adam(net.parameters(), lr=0.3)
history = []
for i, (tokens, depth) in enumerate(batches(64)):
    adam.zero_grad()
    loss = F.cross_entropy(net(tokens), depth)
    loss.backward()
    adam.step()
    history.append(loss.item())
    if i == 400:
        break
with torch.no_grad():
    tokens, depth = next(batches(1000))
    hit = (net(tokens).argmax(-1) == depth).float().mean()
print(f"loss {sum(history[-40:]) / 40:.3f}  accuracy {hit:.3f}")
