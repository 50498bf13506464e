import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, Dataset


class TagData(Dataset):
    """features -> multi-hot tags"""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def collate_fn(samples):
    xs, ys = map(np.stack, zip(*samples))
    return torch.from_numpy(xs).float(), torch.from_numpy(ys).float()


def make_data(n=3000, d=30, tags=14):
    r = np.random.default_rng(2)
    x = r.standard_normal((n, d))
    w = r.standard_normal((d, tags)) * (r.random((d, tags)) < 0.25)
    score = x @ w / np.sqrt((w ** 2).sum(0)) + 0.25 * r.standard_normal((n, tags))
    y = (score > r.uniform(0.6, 1.7, tags)).astype(np.int64)
    return TagData(x[:2200], y[:2200]), TagData(x[2200:], y[2200:])


class TagNet(nn.Module):
    def __init__(self, n_in, n_tags):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_in, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 64), nn.ReLU())
        self.tags = nn.Linear(64, n_tags)

    def forward(self, x):
        return self.tags(self.trunk(x))


class Experiment:
    def __init__(self, seed=0, threshold=0.5):
        torch.manual_seed(seed)
        tr, te = make_data()
        self.train_loader = DataLoader(tr, batch_size=64, shuffle=True, collate_fn=collate_fn)
        self.test_loader = DataLoader(te, batch_size=400, collate_fn=collate_fn)
        self.model = TagNet(30, 14)
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        self.threshold = threshold

    def train_epoch(self):
        self.model.train()
        meter = []
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            meter.append(loss.item())
        return float(np.mean(meter))

    @torch.no_grad()
    def test(self):
        self.model.eval()
        preds, truth = [], []
        for x, y in self.test_loader:
            preds.append((torch.sigmoid(self.model(x)) > self.threshold).int())
            truth.append(y.int())
        p, t = torch.cat(preds).numpy(), torch.cat(truth).numpy()
        return f1_score(t, p, average="micro", zero_division=0), (p == t).mean()

    def run(self, epochs):
        for e in range(epochs):
            loss = self.train_epoch()
            f1, ham = self.test()
            print(f"Epoch {e}: loss={loss:.4f} micro_f1={f1:.4f} label_acc={ham:.4f}")


if __name__ == "__main__":
    Experiment().run(12)
