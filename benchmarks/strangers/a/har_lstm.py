"""Activity recognition from (synthetic) 6-axis recordings of varying length."""
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

ACTIVITIES = ["walk", "run", "stairs", "sit", "wave"]


class Recordings(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        freq = np.array([0.25, 0.55, 0.25, 0.0, 0.4])
        self.items = []
        for _ in range(n):
            c = rng.integers(len(ACTIVITIES))
            T = rng.integers(28, 41)
            t = np.arange(T)
            phase = rng.uniform(0, 2 * np.pi)
            sig = 0.35 * rng.standard_normal((T, 6))
            s = np.sin(freq[c] * t * 2 + phase)
            if c in (0, 1, 2):
                sig[:, 0] += s
                sig[:, 1] += np.cos(freq[c] * t * 2 + phase)
            if c == 2:
                sig[:, 2] += 0.05 * t * rng.choice([-1, 1])
            if c == 4:
                sig[:, 3] += s
                sig[:, 5] -= s
            self.items.append((torch.tensor(sig, dtype=torch.float32), c))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    seqs, labels = zip(*batch)
    return pad_sequence(seqs), torch.tensor(labels)


class LSTMNet(nn.Module):
    def __init__(self, n_feat=6, hidden=40, n_out=5):
        super().__init__()
        self.lstm = nn.LSTM(n_feat, hidden, num_layers=1, batch_first=True)
        self.norm = nn.LayerNorm(hidden)
        self.fc = nn.Linear(hidden, n_out)

    def forward(self, x):
        steps, batch, feat = x.shape
        x = x.view(batch, steps, feat)
        h, _ = self.lstm(x)
        return self.fc(self.norm(h.mean(1)))


def evaluate(net, loader):
    net.eval()
    hits = n = 0
    with torch.no_grad():
        for x, y in loader:
            hits += (net(x).argmax(1) == y).sum().item()
            n += len(y)
    return hits / n


def train(epochs=14, lr=4e-3):
    torch.manual_seed(17)
    tr = DataLoader(Recordings(1500, 1), batch_size=32, shuffle=True, collate_fn=collate)
    te = DataLoader(Recordings(500, 2), batch_size=100, collate_fn=collate)
    net = LSTMNet()
    opt = torch.optim.RMSprop(net.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    ce = nn.CrossEntropyLoss()
    for ep in range(epochs):
        net.train()
        tot = 0
        for x, y in tr:
            opt.zero_grad()
            loss = ce(net(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            tot += loss.item()
        sched.step()
        print(f"epoch {ep} loss {tot / len(tr):.3f} acc {evaluate(net, te):.3f}")
    return evaluate(net, te)


if __name__ == "__main__":
    print("test accuracy", train())
