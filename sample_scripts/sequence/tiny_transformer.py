"""Which of the first four tokens is repeated most often in a short sequence?"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class TinyTransformer(nn.Module):
    def __init__(self, vocab=8, dim=32, heads=4, layers=2, length=12):
        super().__init__()
        self.tok = nn.Embedding(vocab, dim)
        self.pos = nn.Parameter(torch.zeros(length, dim))
        layer = nn.TransformerEncoderLayer(dim, heads, dim * 2, dropout=0.0, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, layers)
        self.out = nn.Linear(dim, 4)

    def forward(self, ids):
        h = self.enc(self.tok(ids) + self.pos)
        return self.out(h.mean(dim=1))


def make_batch(n):
    ids = torch.randint(0, 8, (n, 12))
    counts = F.one_hot(ids, 8).sum(1)[:, :4]
    return ids, counts.argmax(1)


def run(steps=300, lr=5e-2):
    torch.manual_seed(0)
    net = TinyTransformer()
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
    hist = []
    for it in range(steps):
        ids, ans = make_batch(64)
        loss = F.cross_entropy(net(ids), ans)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hist.append(loss.item())
        if (it + 1) % 50 == 0:
            print(f"iter {it + 1:4d} loss {sum(hist[-50:]) / 50:.4f}")
    net.eval()
    with torch.no_grad():
        ids, ans = make_batch(1000)
        print("accuracy", (net(ids).argmax(1) == ans).float().mean().item())


if __name__ == "__main__":
    run()
