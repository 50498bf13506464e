# Sentiment of generated reviews (negation flips the following word)
import random
import torch
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader

POS = ["good", "great", "fine", "superb", "lovely"]
NEG = ["bad", "awful", "poor", "dull", "nasty"]
FILL = ["the", "film", "plot", "was", "and", "actor", "scene", "a", "this", "very"]
VOCAB = {w: i + 1 for i, w in enumerate(POS + NEG + FILL + ["not"])}
MAXLEN = 14


def review(rng):
    label = rng.randint(0, 1)
    words = []
    for _ in range(rng.randint(2, 3)):
        words += rng.sample(FILL, rng.randint(0, 2))
        flip = rng.random() < 0.4
        bank = POS if (label == 1) != flip else NEG
        words += (["not"] if flip else []) + [rng.choice(bank)]
    return words[:MAXLEN], label


class Reviews(Dataset):
    def __init__(self, n, seed):
        rng = random.Random(seed)
        self.rows = [review(rng) for _ in range(n)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        words, label = self.rows[i]
        ids = [VOCAB[w] for w in words]
        ids = [0] * (MAXLEN - len(ids)) + ids
        return torch.tensor(ids), torch.tensor(float(label))


class SentimentLSTM(nn.Module):
    def __init__(self, vocab, emb=16, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=0)
        self.lstm = nn.LSTM(emb, hidden, num_layers=1)
        self.classifier = nn.Linear(hidden, 1)

    def forward(self, ids):
        e = self.embedding(ids)
        out, (h, c) = self.lstm(e)
        return self.classifier(out[:, -1]).squeeze(1)


def epoch_pass(model, loader, criterion, optimizer=None):
    is_train = optimizer is not None
    model.train() if is_train else model.eval()
    total, correct, count = 0.0, 0, 0
    for ids, label in loader:
        with torch.set_grad_enabled(is_train):
            logit = model(ids)
            loss = criterion(logit, label)
        if is_train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(label)
        correct += ((logit > 0) == (label > 0.5)).sum().item()
        count += len(label)
    return total / count, correct / count


def main():
    torch.manual_seed(14)
    train = DataLoader(Reviews(1500, 1), batch_size=50, shuffle=True)
    test = DataLoader(Reviews(500, 2), batch_size=50, shuffle=False)
    model = SentimentLSTM(len(VOCAB) + 1)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(8):
        tl, ta = epoch_pass(model, train, criterion, optimizer)
        vl, va = epoch_pass(model, test, criterion)
        print("Epoch: %d | Train Loss: %.3f | Train Acc: %.3f | Test Loss: %.3f | Test Acc: %.4f" % (epoch + 1, tl, ta, vl, va))


if __name__ == "__main__":
    main()
