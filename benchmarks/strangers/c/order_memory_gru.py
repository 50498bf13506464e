# Recall task: which symbol came right after the marker?
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, MARK, SEQ = 8, 8, 12


def sample(n, gen):
    s = torch.randint(0, VOCAB, (n, SEQ), generator=gen)
    pos = torch.randint(0, SEQ - 1, (n,), generator=gen)
    ar = torch.arange(n)
    s[ar, pos] = MARK
    return s, s[ar, pos + 1]


class SequenceModel(nn.Module):
    def __init__(self, emb=16, hid=48):
        super().__init__()
        self.emb = nn.Embedding(VOCAB + 1, emb)
        self.gru = nn.GRU(emb, hid, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hid, 64), nn.ReLU(), nn.Linear(64, VOCAB))

    @torch.no_grad()
    def encode(self, seq):
        """Sentence vector. Also used by the nearest-neighbour lookup below."""
        _, h = self.gru(self.emb(seq))
        return h[-1]

    def forward(self, seq):
        return self.head(self.encode(seq))


def lookup_accuracy(model, bank, bank_y, query, query_y):
    a = F.normalize(model.encode(bank), dim=1)
    b = F.normalize(model.encode(query), dim=1)
    return (bank_y[(b @ a.T).argmax(1)] == query_y).float().mean().item()


def train(steps=900, bs=128, lr=4e-3):
    gen = torch.Generator().manual_seed(0)
    model = SequenceModel()
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    xt, yt = sample(1000, gen)
    avg = None
    for it in range(1, steps + 1):
        x, y = sample(bs, gen)
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        avg = loss.item() if avg is None else 0.98 * avg + 0.02 * loss.item()
        if it % 150 == 0:
            with torch.no_grad():
                acc = (model(xt).argmax(1) == yt).float().mean().item()
            print(f"iter {it:4d} loss {avg:.4f} acc {acc:.4f}")
    bx, by = sample(1000, gen)
    print(f"nn lookup {lookup_accuracy(model, bx, by, xt, yt):.3f}")
    return model


if __name__ == "__main__":
    torch.manual_seed(123)
    train()
