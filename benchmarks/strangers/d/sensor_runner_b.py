import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Synthetic:
    """Sensor sequences: class is given by which channel peaks in which half."""

    def __init__(self, n, t=20, c=6, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.x = 0.5 * torch.randn(n, t, c, generator=g)
        self.y = torch.randint(0, 4, (n,), generator=g)
        for i in range(n):
            k = int(self.y[i])
            half = 0 if k < 2 else t // 2
            pos = half + int(torch.randint(0, t // 2, (1,), generator=g))
            self.x[i, pos, k % 2] += 4.0

    def loader(self, bs, shuffle):
        return DataLoader(TensorDataset(self.x, self.y), batch_size=bs, shuffle=shuffle, drop_last=shuffle)


class SequenceClassifier(nn.Module):
    def __init__(self, c=6, hidden=32, t=20, classes=4):
        super().__init__()
        self.rnn = nn.GRU(c, hidden)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Sequential(nn.Linear(hidden * t, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, x):
        n, t, _ = x.shape
        seq, _ = self.rnn(x.permute(1, 0, 2))
        feats = self.drop(seq).permute(1, 0, 2).reshape(n, -1)
        return self.fc(feats)


class Runner:
    def __init__(self, model, lr, epochs, total):
        self.model = model
        self.epochs = epochs
        self.optim = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.optim, T_max=total)
        self.criterion = nn.CrossEntropyLoss()

    def step(self, batch):
        x, y = batch
        loss = self.criterion(self.model(x), y)
        self.optim.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optim.step()
        self.sched.step()
        return loss.item()

    @torch.no_grad()
    def score(self, loader):
        self.model.eval()
        pairs = [(self.model(x).argmax(1) == y).float() for x, y in loader]
        return torch.cat(pairs).mean().item()

    def run(self, train, valid):
        for ep in range(self.epochs):
            self.model.train()
            losses = [self.step(b) for b in train]
            print(f"epoch {ep} loss {sum(losses) / len(losses):.4f} valid acc {self.score(valid):.4f}")


if __name__ == "__main__":
    torch.manual_seed(6)
    train = Synthetic(1600, seed=1).loader(64, True)
    valid = Synthetic(500, seed=2).loader(100, False)
    epochs = 10
    Runner(SequenceClassifier(), 4e-3, epochs, epochs * len(train)).run(train, valid)
