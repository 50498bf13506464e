import torch
import torch.nn as nn
import torch.nn.functional as F
from collections import Counter

REVIEWS = [("a truly great film with great actors", 1), ("dull and far too long", 0), ("great fun for all", 1),
           ("the plot is dull and the jokes are bad", 0), ("bad acting bad script", 0), ("a warm and funny film", 1),
           ("too long and not funny", 0), ("warm actors and a great script", 1)]
counts = Counter(w for text, _ in REVIEWS for w in text.split())
word_to_ix = {w: i + 1 for i, w in enumerate(counts)}
EMBED, HIDDEN = 12, 16


class Sentiment(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, EMBED, padding_idx=0)
        self.lstm = nn.LSTM(EMBED, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, ids):
        h, _ = self.lstm(self.embedding(ids))
        return self.out(h.mean(1)).squeeze(1)


def pad(batch):
    rows = [torch.tensor([word_to_ix[w] for w in text.split()]) for text, _ in batch]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([float(t) for _, t in batch])


torch.manual_seed(0)
model = Sentiment(len(word_to_ix) + 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
ids, labels = pad(REVIEWS)
for epoch in range(60):
    optimizer.zero_grad()
    logits = model(ids)
    loss = F.binary_cross_entropy_with_logits(logits, labels)
    loss.backward()
    optimizer.step()
print("loss", loss.item())
print("accuracy", ((logits > 0) == labels.bool()).float().mean().item())
