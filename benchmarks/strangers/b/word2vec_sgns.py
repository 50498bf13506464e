"""
Skip-gram with negative sampling, from scratch.

The toy corpus consists of "sentences" that each stick to one topic plus a few
function words; afterwards we check whether neighbours in embedding space share
the topic.
"""
import random
from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F

TOPICS, WORDS_PER_TOPIC, FUNCTION_WORDS = 6, 12, 6


def build_corpus(n_sentences=700, length=10):
    topics = [[f"t{k}_{j}" for j in range(WORDS_PER_TOPIC)] for k in range(TOPICS)]
    function = [f"f_{j}" for j in range(FUNCTION_WORDS)]
    corpus = []
    for _ in range(n_sentences):
        words = random.choice(topics)
        corpus.append([random.choice(function) if random.random() < 0.3 else random.choice(words)
                       for _ in range(length)])
    return corpus


class Vocabulary:
    def __init__(self, corpus):
        self.freq = Counter(w for s in corpus for w in s)
        self.itos = [w for w, _ in self.freq.most_common()]
        self.stoi = {w: i for i, w in enumerate(self.itos)}

    def __len__(self):
        return len(self.itos)

    def noise_weights(self, power=0.75):
        w = torch.tensor([self.freq[x] for x in self.itos], dtype=torch.float)
        return w.pow(power)


def skipgram_pairs(corpus, vocab, window=3):
    pairs = []
    for sentence in corpus:
        ids = [vocab.stoi[w] for w in sentence]
        for i, center in enumerate(ids):
            span = random.randint(1, window)
            for j in range(max(0, i - span), min(len(ids), i + span + 1)):
                if j != i:
                    pairs.append((center, ids[j]))
    return torch.tensor(pairs)


class SkipGram(nn.Module):
    def __init__(self, n_words, dim):
        super().__init__()
        self.center = nn.Embedding(n_words, dim)
        self.context = nn.Embedding(n_words, dim)
        bound = 0.5 / dim
        nn.init.uniform_(self.center.weight, -bound, bound)
        nn.init.zeros_(self.context.weight)

    def forward(self, center, positive, negative):
        v = self.center(center)
        pos = (v * self.context(positive)).sum(1)
        neg = torch.bmm(self.context(negative), v.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(pos) + F.logsigmoid(-neg).sum(1)).mean()


def neighbour_precision(model, vocab, k=5):
    content = [i for i, w in enumerate(vocab.itos) if w.startswith("t")]
    vec = F.normalize(model.center.weight.detach()[content], dim=1)
    sim = vec @ vec.t()
    sim.fill_diagonal_(-2)
    topic = torch.tensor([int(vocab.itos[i][1:].split("_")[0]) for i in content])
    near = sim.topk(k, dim=1).indices
    return (topic[near] == topic[:, None]).float().mean().item()


def train(dim=24, epochs=6, batch_size=128, n_negative=5, alpha=0.025, min_alpha=0.0001):
    corpus = build_corpus()
    vocab = Vocabulary(corpus)
    pairs = skipgram_pairs(corpus, vocab)
    noise = vocab.noise_weights()
    model = SkipGram(len(vocab), dim)
    optimizer = torch.optim.SGD(model.parameters(), lr=alpha)
    total_steps = epochs * (len(pairs) // batch_size + 1)
    step = 0
    for epoch in range(epochs):
        epoch_loss = 0.0
        for idx in torch.randperm(len(pairs)).split(batch_size):
            for group in optimizer.param_groups:
                group["lr"] = max(min_alpha, alpha * (1 - step / total_steps))
            center, positive = pairs[idx, 0], pairs[idx, 1]
            negative = torch.multinomial(noise, len(idx) * n_negative, replacement=True).view(-1, n_negative)
            loss = model(center, positive, negative)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(idx)
            step += 1
        print(f"epoch {epoch + 1}: loss {epoch_loss / len(pairs):.4f}")
    return model, vocab


random.seed(0)
torch.manual_seed(0)
model, vocab = train()
print(f"neighbour precision@5: {neighbour_precision(model, vocab):.4f}")
