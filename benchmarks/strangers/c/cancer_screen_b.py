from dataclasses import dataclass
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split


@dataclass
class Config:
    hidden: int = 64
    p_drop: float = 0.2
    lr: float = 1e-3
    epochs: int = 25
    batch: int = 32
    weight_decay: float = 1e-4


class Net(nn.Module):
    def __init__(self, n_in, cfg):
        super().__init__()
        self.input_norm = nn.BatchNorm1d(n_in, affine=False)
        self.body = nn.Sequential(
            nn.Linear(n_in, cfg.hidden), nn.BatchNorm1d(cfg.hidden), nn.Tanh(), nn.Dropout(cfg.p_drop),
            nn.Linear(cfg.hidden, cfg.hidden), nn.BatchNorm1d(cfg.hidden), nn.Tanh(), nn.Dropout(cfg.p_drop))
        self.score = nn.Linear(cfg.hidden, 1)

    def forward(self, x):
        return self.score(self.body(self.input_norm(x))).squeeze(1)


class Fit:
    def __init__(self, cfg, data):
        self.cfg = cfg
        self.xtr, self.xva, self.ytr, self.yva = data
        self.net = Net(self.xtr.shape[1], cfg)
        self.opt = torch.optim.AdamW(self.net.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        self.loss = nn.BCEWithLogitsLoss()
        self.log = []

    def validate(self):
        self.net.eval()
        with torch.no_grad():
            s = self.net(self.xva)
            loss = self.loss(s, self.yva).item()
            acc = ((s > 0).float() == self.yva).float().mean().item()
        return loss, acc

    def batches(self):
        order = torch.randperm(len(self.xtr))
        for idx in order.split(self.cfg.batch):
            if len(idx) > 1:
                yield self.xtr[idx], self.ytr[idx]

    def fit(self):
        self.log.append(self.validate())
        for epoch in range(self.cfg.epochs):
            self.net.train()
            total = n = 0
            for x, y in self.batches():
                self.opt.zero_grad()
                loss = self.loss(self.net(x), y)
                loss.backward()
                self.opt.step()
                total += loss.item() * len(y)
                n += len(y)
            self.log.append(self.validate())
            print("{:3d} train_loss={:.4f} val_loss={:.4f} val_acc={:.4f}".format(epoch, total / n, *self.log[-1]))


if __name__ == "__main__":
    torch.manual_seed(6)
    X, y = load_breast_cancer(return_X_y=True)
    a, b, c, d = train_test_split(X, y, test_size=0.3, random_state=3, stratify=y)
    as_t = lambda v: torch.tensor(v, dtype=torch.float32)
    Fit(Config(), [as_t(v) for v in (a, b, c, d)]).fit()
