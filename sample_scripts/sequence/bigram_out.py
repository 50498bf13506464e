import torch
import torch.nn as nn
import torch.nn.functional as F

TEXT = ("the quick brown fox jumps over the lazy dog while the old cat sleeps under the warm sun and "
        "a small bird sings in the green tree near the quiet river ") * 6
chars = sorted(set(TEXT))
data = torch.tensor([chars.index(c) for c in TEXT])
BLOCK = 8


class Head:
    def __init__(self, dim, vocab):
        self.weight = (torch.randn(vocab, dim) * 0.1).requires_grad_()

    def __call__(self, h):
        return h @ self.weight.t()


class LM(nn.Module):
    def __init__(self, vocab, dim=24):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.head = Head(dim, vocab)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.head(h)


def get_batch(n=32):
    at = torch.randint(0, len(data) - BLOCK - 1, (n,))
    return torch.stack([data[i:i + BLOCK] for i in at]), torch.stack([data[i + 1:i + BLOCK + 1] for i in at])


if __name__ == "__main__":
    torch.manual_seed(1337)
    lm = LM(len(chars))
    optimizer = torch.optim.AdamW(lm.parameters(), lr=5e-3)
    for step in range(400):
        xb, yb = get_batch()
        logits = lm(xb)
        loss = F.cross_entropy(logits.flatten(0, 1), yb.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
    print(f"loss {loss.item():.3f}")
