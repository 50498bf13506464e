import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


def make_messages(n, length, generator):
    """Token sequences; a message is unwanted when token 3 comes before token 7."""
    tokens = torch.randint(8, 20, (n, length), generator=generator)
    for row in tokens:
        a, b = torch.randperm(length, generator=generator)[:2]
        row[a], row[b] = 3, 7
    first3 = (tokens == 3).float().argmax(1)
    first7 = (tokens == 7).float().argmax(1)
    return tokens, (first3 < first7).float()


class Encoder(nn.Module):
    def __init__(self, dim, heads, length):
        super().__init__()
        self.embed = nn.Embedding(20, dim)
        self.pos = nn.Parameter(torch.randn(length, dim) * 0.1)
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 1)
        self.head = nn.Linear(dim, 1)

    def forward(self, tokens):
        h = self.blocks(self.embed(tokens) + self.pos)
        return self.head(h.mean(1))[:, 0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--lr", type=float, default=3e-3)
    args = parser.parse_args()

    g = torch.Generator().manual_seed(1)
    x, y = make_messages(1200, 10, g)
    x_test, y_test = make_messages(400, 10, g)
    torch.manual_seed(2)
    model = Encoder(args.dim, 2, 10)
    opt = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        model.train()
        for idx in torch.randperm(len(x)).split(40):
            loss = F.binary_cross_entropy_with_logits(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        model.eval()
        with torch.no_grad():
            p = torch.sigmoid(model(x_test))
            nll = F.binary_cross_entropy(p, y_test)
        print(f"epoch {epoch} test nll {nll:.4f}")


if __name__ == "__main__":
    main()
