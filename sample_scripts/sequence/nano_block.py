"""A one-block causal character model."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)
text = "".join(f"{a}+{b}={a + b};" for a in range(10) for b in range(10)) * 3
vocab = sorted(set(text))
ids = torch.tensor([vocab.index(c) for c in text])
CONTEXT, WIDTH, HEADS = 12, 32, 4


class Attention(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.dropout = dropout

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, HEADS, c // HEADS).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, c))


class GPT(nn.Module):
    def __init__(self, dropout=0.7):
        super().__init__()
        self.tok, self.pos = nn.Embedding(len(vocab), WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = Attention(dropout)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.head = nn.Linear(WIDTH, len(vocab))

    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        x = x + self.attn(self.ln1(x))
        x = x + self.mlp(self.ln2(x))
        return self.head(x)


def batch(n):
    at = torch.randint(0, len(ids) - CONTEXT - 1, (n,))
    return torch.stack([ids[i:i + CONTEXT] for i in at]), torch.stack([ids[i + 1:i + CONTEXT + 1] for i in at])


@torch.no_grad()
def estimate(model):
    model.eval()
    losses = []
    for _ in range(5):
        x, y = batch(64)
        losses.append(F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item())
    model.train()
    return sum(losses) / len(losses)


model = GPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
for it in range(500):
    if it % 50 == 0:
        print(f"iter {it}: val loss {estimate(model):.4f}")
    x, y = batch(32)
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
print(f"final val loss {estimate(model):.4f}")
