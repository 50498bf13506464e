import torch
import torch.nn as nn
import torch.nn.functional as F

TAGS = 8
LENGTH = 8


def corpus(n, seed):
    g = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 60, (n, LENGTH), generator=g)
    before = torch.cat([torch.zeros(n, 1, dtype=torch.long), words[:, :-1]], dim=1)
    tags = (words % 4) * 2 + (before > words).long()
    return words, tags


class Tagger(nn.Module):
    def __init__(self, vocab=60, dim=24, hidden=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.gru = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, TAGS)

    def forward(self, words):
        states, _ = self.gru(self.embed(words))
        return self.out(states)


def fit(model, words, tags, epochs, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        model.train()
        for idx in torch.randperm(len(words)).split(32):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(words[idx]), tags[idx])
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}")


torch.manual_seed(1)
train_words, train_tags = corpus(1200, 1)
test_words, test_tags = corpus(300, 2)
tagger = Tagger()
fit(tagger, train_words, train_tags, epochs=6, lr=5e-3)
tagger.eval()
with torch.no_grad():
    right = (tagger(test_words).argmax(dim=2) == test_tags).float().mean()
print(f"test accuracy: {right:.4f}")
