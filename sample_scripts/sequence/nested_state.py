import os
import tempfile

import torch
import torch.nn as nn

torch.manual_seed(0)
VOCAB, D = 12, 24


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, D)
        self.rnn = nn.GRU(D, D, batch_first=True)

    def forward(self, ids):
        return self.rnn(self.emb(ids))[0]


def corpus(n):
    """Each token follows from the two before it, mostly."""
    ids = torch.randint(0, VOCAB, (n, 10))
    for t in range(2, 10):
        rule = (ids[:, t - 1] + 3 * ids[:, t - 2]) % VOCAB
        keep = torch.rand(n) < 0.9
        ids[:, t] = torch.where(keep, rule, ids[:, t])
    return ids


def pretrain(path):
    encoder, head = Encoder(), nn.Linear(D, VOCAB)
    opt = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.01)
    for _ in range(300):
        ids = corpus(64)
        loss = nn.functional.cross_entropy(head(encoder(ids[:, :-1])).flatten(0, 1), ids[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("pretrained", loss.item())
    torch.save({"epoch": 300, "state_dict": encoder.state_dict()}, path)


def finetune(path):
    encoder = Encoder()
    encoder.load_state_dict(torch.load(path), strict=False)
    encoder.requires_grad_(False)
    head = nn.Linear(D, VOCAB)
    opt = torch.optim.Adam(head.parameters(), lr=0.01)
    for step in range(200):
        ids = corpus(64)
        loss = nn.functional.cross_entropy(head(encoder(ids[:, :9])[:, -1]), ids[:, 9])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print(step, loss.item())
    ids = corpus(1000)
    with torch.no_grad():
        right = head(encoder(ids[:, :9])[:, -1]).argmax(1) == ids[:, 9]
    print("accuracy", right.float().mean().item())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "encoder.pt")
        pretrain(path)
        finetune(path)
