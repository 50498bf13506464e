"""Tag tokens of synthetic log lines (key / value / separator / noise) with a BiLSTM."""
import random
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

VOCAB, PAD, IGNORE = 60, 0, -100
TAGS = ["O", "KEY", "SEP", "VAL"]


def sample_line(rng):
    toks, tags = [], []
    for _ in range(rng.randint(2, 5)):
        if rng.random() < 0.4:
            toks.append(rng.randint(3, 50)); tags.append(0)
        toks += [rng.randint(3, 50), rng.choice([1, 2])]; tags += [1, 2]
        for _ in range(rng.randint(1, 2)):
            toks.append(rng.randint(20, 59)); tags.append(3)
    return toks, tags


class Lines(Dataset):
    def __init__(self, n, seed):
        rng = random.Random(seed)
        self.items = [sample_line(rng) for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        toks, tags = self.items[i]
        return {"ids": torch.tensor(toks), "tags": torch.tensor(tags)}


def collate(rows):
    ids = pad_sequence([r["ids"] for r in rows], batch_first=True, padding_value=PAD)
    tags = pad_sequence([r["tags"] for r in rows], batch_first=True, padding_value=0)
    lengths = torch.tensor([len(r["ids"]) for r in rows])
    mask = torch.arange(ids.size(1))[None, :] < lengths[:, None]
    tags = tags.masked_fill(mask, IGNORE)
    tags = torch.where(ids == PAD, torch.full_like(tags, IGNORE), tags)
    return {"ids": ids, "tags": tags, "mask": mask, "gold": [r["tags"] for r in rows]}


class Tagger(nn.Module):
    def __init__(self, emb=24, hid=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.rnn = nn.LSTM(emb, hid, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hid, len(TAGS))

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.out(h)


def token_accuracy(model, loader):
    model.eval()
    ok = n = 0
    with torch.no_grad():
        for b in loader:
            pred = model(b["ids"]).argmax(-1)
            for row, gold in zip(pred, b["gold"]):
                ok += (row[: len(gold)] == gold).sum().item()
                n += len(gold)
    return ok / n


def main():
    torch.manual_seed(13)
    train = DataLoader(Lines(800, 1), batch_size=32, shuffle=True, collate_fn=collate)
    dev = DataLoader(Lines(200, 2), batch_size=100, collate_fn=collate)
    model = Tagger()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    crit = nn.CrossEntropyLoss(ignore_index=IGNORE)
    for epoch in range(6):
        model.train()
        tot = 0.0
        for b in train:
            logits = model(b["ids"])
            loss = crit(logits.reshape(-1, len(TAGS)), b["tags"].reshape(-1))
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += float(loss)
        print(f"epoch {epoch}  loss {tot / len(train):.4f}  dev token acc {token_accuracy(model, dev):.4f}")


if __name__ == "__main__":
    main()
