# Which "language" does a made-up word come from? Character GRU with packed sequences.
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from torch.utils.data import Dataset, DataLoader

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
N_LANG = 12


class Words(Dataset):
    def __init__(self, n, seed):
        base = np.random.default_rng(0)
        chains = [base.dirichlet(np.full(26, 0.25), size=26) for _ in range(N_LANG)]
        rng = np.random.default_rng(seed)
        self.data = []
        for _ in range(n):
            lang = int(rng.integers(N_LANG))
            w = [int(rng.integers(26))]
            for _ in range(int(rng.integers(4, 11))):
                w.append(int(rng.choice(26, p=chains[lang][w[-1]])))
            self.data.append((w, lang))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


def collate(batch):
    words = [torch.tensor(w) + 1 for w, _ in batch]
    return {"chars": pad_sequence(words, batch_first=True),
            "lengths": torch.tensor([len(w) for w in words]),
            "lang": torch.tensor([l for _, l in batch])}


class LangID(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.emb = nn.Embedding(27, 24, padding_idx=0)
        self.rnn = nn.GRU(24, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, N_LANG)

    def logits(self, chars, lengths):
        packed = pack_padded_sequence(self.emb(chars), lengths, batch_first=True, enforce_sorted=False)
        _, h = self.rnn(packed)
        return self.fc(h[-1])

    def forward(self, chars, lengths):
        return self.logits(chars, lengths).softmax(dim=-1)


class Trainer:
    def __init__(self, model, train_dl, valid_dl, lr=0.4):
        self.model, self.train_dl, self.valid_dl = model, train_dl, valid_dl
        self.optim = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.8)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.02)

    def train_epoch(self):
        self.model.train()
        s = 0.0
        for batch in self.train_dl:
            self.optim.zero_grad()
            out = self.model.logits(batch["chars"], batch["lengths"])
            loss = self.criterion(out, batch["lang"])
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
            self.optim.step()
            s += loss.item()
        return s / len(self.train_dl)

    @torch.no_grad()
    def valid(self):
        self.model.eval()
        ok = n = 0
        for batch in self.valid_dl:
            conf, guess = self.model(batch["chars"], batch["lengths"]).max(-1)
            ok += (guess == batch["lang"]).sum().item()
            n += len(guess)
        return ok / n


def main():
    torch.manual_seed(0)
    train_dl = DataLoader(Words(3000, 1), batch_size=50, shuffle=True, collate_fn=collate)
    valid_dl = DataLoader(Words(600, 2), batch_size=200, collate_fn=collate)
    t = Trainer(LangID(), train_dl, valid_dl)
    for e in range(1, 13):
        loss = t.train_epoch()
        if e % 2 == 0:
            print(f"epoch {e} train_loss {loss:.4f} valid_acc {t.valid():.4f}")


if __name__ == "__main__":
    main()
