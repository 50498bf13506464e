"""Language of a made-up surname, from its letters."""
import random
import string

import torch
import torch.nn as nn

LETTERS = string.ascii_lowercase
ENDINGS = {"ru": ["ov", "ev", "sky"], "it": ["ini", "elli", "ucci"], "de": ["mann", "berg", "stein"],
           "se": ["sson", "strom", "qvist"], "fr": ["eau", "ault", "ier"], "gr": ["opoulos", "akis", "idis"]}
LANGS = sorted(ENDINGS)


def name_of(lang):
    stem = "".join(random.choice("bdfgklmnprstv") + random.choice("aeiou") for _ in range(random.randint(1, 2)))
    return stem + random.choice(ENDINGS[lang])


def encode(word):
    t = torch.zeros(len(word), 1, len(LETTERS))
    for i, ch in enumerate(word):
        t[i, 0, LETTERS.index(ch)] = 1
    return t


class CharRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.n_hidden = n_hidden
        self.i2h = nn.Linear(n_in + n_hidden, n_hidden)
        self.i2o = nn.Linear(n_hidden, n_out)

    def forward(self, word):
        h = torch.zeros(1, self.n_hidden)
        for letter in word:
            h = torch.tanh(self.i2h(torch.cat((letter, h), 1)))
        return torch.log_softmax(self.i2o(h), dim=1)


random.seed(0)
torch.manual_seed(0)
criterion = nn.NLLLoss()


def train(category, word):
    optimizer.zero_grad()
    output = rnn(word)
    loss = criterion(output, category)
    loss.backward()
    optimizer.step()
    return loss.item()


rnn = CharRNN(len(LETTERS), 96, len(LANGS))
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.03)
recent = []
for it in range(1, 2501):
    lang = random.choice(LANGS)
    recent.append(train(torch.tensor([LANGS.index(lang)]), encode(name_of(lang))))
    if it % 500 == 0:
        print(it, "loss %.3f" % (sum(recent[-500:]) / 500))

right = 0
with torch.no_grad():
    for i in range(300):
        lang = LANGS[i % len(LANGS)]
        right += rnn(encode(name_of(lang))).argmax(1).item() == LANGS.index(lang)
print("accuracy %.3f" % (right / 300))
