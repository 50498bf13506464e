"""Character level language model: GRU with the state carried from chunk to chunk."""
import math
import random

import torch
import torch.nn as nn


def make_text(n_sentences, seed):
    rnd = random.Random(seed)
    subjects = ['the cat', 'a dog', 'my uncle', 'the old king', 'some bird']
    verbs = ['sees', 'likes', 'follows', 'forgets', 'paints']
    objects = ['the moon', 'a small boat', 'the green door', 'bread', 'an apple tree']
    tails = ['in winter', 'at night', 'every day', 'without a word', '']
    out = []
    for _ in range(n_sentences):
        parts = [rnd.choice(subjects), rnd.choice(verbs), rnd.choice(objects), rnd.choice(tails)]
        out.append(' '.join(p for p in parts if p) + '.')
    return ' '.join(out)


class Corpus:
    def __init__(self, train_text, test_text):
        self.chars = sorted(set(train_text + test_text))
        self.index = {c: i for i, c in enumerate(self.chars)}
        self.train = self.encode(train_text)
        self.test = self.encode(test_text)

    def encode(self, text):
        return torch.tensor([self.index[c] for c in text])

    def decode(self, ids):
        return ''.join(self.chars[i] for i in ids)


class CharGRU(nn.Module):
    def __init__(self, n_chars, emb=16, hidden=64):
        super().__init__()
        self.hidden = hidden
        self.embed = nn.Embedding(n_chars, emb)
        self.gru = nn.GRU(emb, hidden)
        self.out = nn.Linear(hidden, n_chars)

    def init_state(self, batch):
        return torch.zeros(1, batch, self.hidden)

    def forward(self, x, h):
        y, h = self.gru(self.embed(x), h)
        return self.out(y), h


def batchify(data, batch):
    n = len(data) // batch
    return data[:n * batch].view(batch, n).t().contiguous()


def chunks(data, bptt):
    for i in range(0, len(data) - 1, bptt):
        length = min(bptt, len(data) - 1 - i)
        yield data[i:i + length], data[i + 1:i + 1 + length]


def perplexity(model, data):
    model.eval()
    h = model.init_state(data.size(1))
    nll, n = 0.0, 0
    with torch.no_grad():
        for x, y in chunks(data, 50):
            logits, h = model(x, h)
            nll += nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction='sum').item()
            n += y.numel()
    return math.exp(nll / n)


def generate(model, corpus, start='the ', length=60):
    model.eval()
    h = model.init_state(1)
    ids = corpus.encode(start).tolist()
    with torch.no_grad():
        logits, h = model(torch.tensor(ids).unsqueeze(1), h)
        for _ in range(length):
            nxt = torch.multinomial(logits[-1, 0].softmax(-1), 1).item()
            ids.append(nxt)
            logits, h = model(torch.tensor([[nxt]]), h)
    return corpus.decode(ids)


def main():
    torch.manual_seed(30)
    corpus = Corpus(make_text(900, 1), make_text(150, 2))
    train, test = batchify(corpus.train, 32), batchify(corpus.test, 8)
    model = CharGRU(len(corpus.chars))
    optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(1, 9):
        model.train()
        h = model.init_state(train.size(1))
        total = 0.0
        for i, (x, y) in enumerate(chunks(train, 25)):
            logits, h = model(x, h)
            loss = criterion(logits.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        print('epoch %d  train ppl %.3f  test ppl %.3f' % (epoch, math.exp(total / (i + 1)), perplexity(model, test)))
    print(generate(model, corpus))
    print('test perplexity: %.4f' % perplexity(model, test))


if __name__ == '__main__':
    main()
