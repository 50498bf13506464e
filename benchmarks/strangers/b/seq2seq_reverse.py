"""
Encoder-decoder with attention that learns to reverse a string of symbols.

    input :  <sos> c a f b <eos>
    output:  <sos> b f a c <eos>

Trained with teacher forcing, evaluated with greedy decoding.
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, SOS, EOS = 0, 1, 2
N_SYMBOLS = 10
VOCAB = 3 + N_SYMBOLS
MAX_LEN = 7


def make_pair(rng):
    n = rng.randint(3, MAX_LEN)
    body = [rng.randint(3, VOCAB - 1) for _ in range(n)]
    return [SOS] + body + [EOS], [SOS] + body[::-1] + [EOS]


def collate(pairs):
    width = MAX_LEN + 2
    src = torch.full((len(pairs), width), PAD, dtype=torch.long)
    tgt = torch.full((len(pairs), width), PAD, dtype=torch.long)
    for i, (s, t) in enumerate(pairs):
        src[i, :len(s)] = torch.tensor(s)
        tgt[i, :len(t)] = torch.tensor(t)
    return src, tgt


class Encoder(nn.Module):
    def __init__(self, emb, hid):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.rnn = nn.GRU(emb, hid, batch_first=True)

    def forward(self, src):
        states, h = self.rnn(self.embed(src))
        return states, h, src.eq(PAD)


class Decoder(nn.Module):
    def __init__(self, emb, hid):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.rnn = nn.GRU(emb, hid, batch_first=True)
        self.query = nn.Linear(hid, hid, bias=False)
        self.out = nn.Linear(2 * hid, VOCAB)

    def forward(self, tokens, h, states, pad_mask):
        dec, h = self.rnn(self.embed(tokens), h)
        att = torch.bmm(self.query(dec), states.transpose(1, 2))
        att = att.masked_fill(pad_mask.unsqueeze(1), float('-inf')).softmax(dim=-1)
        ctx = torch.bmm(att, states)
        return self.out(torch.cat([dec, ctx], dim=-1)), h


class Seq2Seq(nn.Module):
    def __init__(self, emb=24, hid=64):
        super().__init__()
        self.encoder = Encoder(emb, hid)
        self.decoder = Decoder(emb, hid)

    def forward(self, src, dec_in):
        states, h, mask = self.encoder(src)
        logits, _ = self.decoder(dec_in, h, states, mask)
        return logits

    @torch.no_grad()
    def greedy(self, src, steps):
        states, h, mask = self.encoder(src)
        tok = torch.full((src.size(0), 1), SOS, dtype=torch.long)
        outs = []
        for _ in range(steps):
            logits, h = self.decoder(tok, h, states, mask)
            tok = logits.argmax(-1)
            outs.append(tok)
        return torch.cat(outs, dim=1)


def training_step(model, batch, optimizer):
    src, tgt = batch
    gold = tgt[:, 1:]
    logits = model(src, gold)
    loss = F.cross_entropy(logits.reshape(-1, VOCAB), gold.reshape(-1), ignore_index=PAD)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def token_accuracy(model, pairs):
    src, tgt = collate(pairs)
    gold = tgt[:, 1:]
    pred = model.greedy(src, gold.size(1))
    keep = gold.ne(PAD)
    return pred[keep].eq(gold[keep]).float().mean().item()


def main(seed=0):
    rng = random.Random(1234 + seed)
    torch.manual_seed(seed)

    train_pairs = [make_pair(rng) for _ in range(3000)]
    valid_pairs = [make_pair(rng) for _ in range(300)]

    model = Seq2Seq()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)

    batch_size = 64
    for epoch in range(7):
        rng.shuffle(train_pairs)
        model.train()
        losses = []
        for i in range(0, len(train_pairs), batch_size):
            losses.append(training_step(model, collate(train_pairs[i:i + batch_size]), optimizer))
        print(f'epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}')

    model.eval()
    print('greedy token accuracy: {:.4f}'.format(token_accuracy(model, valid_pairs)))


if __name__ == '__main__':
    main()
