import torch
import torch.nn as nn
import torch.nn.functional as F

TEXT = ("the quick brown fox jumps over the lazy dog while the slow green turtle sleeps under "
        "the old oak tree and dreams about the sea ") * 12
chars = sorted(set(TEXT))
codes = torch.tensor([chars.index(c) for c in TEXT])


class CharModel(nn.Module):
    def __init__(self, n, context=5):
        super().__init__()
        self.context = context
        self.emb = nn.Embedding(n, 16)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(16 * context, 64), nn.ReLU(), nn.Linear(64, n))

    def forward(self, ctx):
        return self.net(self.emb(ctx))


def get_batch(size=64, context=5):
    start = torch.randint(0, len(codes) - context - 1, (size,))
    ctx = torch.stack([codes[s:s + context] for s in start])
    nxt = torch.stack([codes[s + context] for s in start])
    return ctx, nxt


def train(model, optimizer, steps):
    model.train()
    for step in range(steps):
        ctx, nxt = get_batch()
        optimizer.zero_grad()
        logits = model(ctx)
        loss = F.cross_entropy(logits, nxt)
        optimizer.step()
        if step % 30 == 0:
            print(f"step {step}: {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(6)
    model = CharModel(len(chars))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    train(model, optimizer, 300)
    ctx, nxt = get_batch(500)
    print("final loss", F.cross_entropy(model(ctx), nxt).item())
