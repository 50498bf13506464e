import os
import tempfile
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import average_precision_score, recall_score
from torch.utils.data import DataLoader, Dataset


@dataclass
class TrainConfig:
    lr: float = 0.02
    epochs: int = 30
    batch_size: int = 128
    patience: int = 6
    clip: float = 1.0
    seed: int = 5
    ckpt: str = field(default_factory=lambda: os.path.join(tempfile.mkdtemp(), "best.pt"))


class Transactions(Dataset):
    """~2.5 % of the rows are fraud."""

    def __init__(self, n, rng):
        label = rng.random(n) < 0.025
        x = rng.standard_normal((n, 14))
        x[:, 0] = rng.exponential(1.0, n) + 0.9 * label
        x[:, 1] += 1.4 * label
        x[:, 2] += np.where(label, rng.choice([-2.2, 2.2], n), 0)
        x[:, 3] = (rng.random(n) < np.where(label, 0.6, 0.2))
        x[:, 4] -= 0.9 * label * x[:, 5]
        self.x = torch.tensor(x, dtype=torch.float32)
        self.y = torch.tensor(label, dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, idx):
        return self.x[idx], self.y[idx]


class Runner:
    def __init__(self, cfg):
        self.cfg = cfg
        torch.manual_seed(cfg.seed)
        rng = np.random.default_rng(cfg.seed)
        self.train_set, self.valid_set, self.test_set = (Transactions(n, rng) for n in (8000, 4000, 8000))
        self.loader = DataLoader(self.train_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)
        self.model = nn.Sequential(
            nn.Linear(14, 48), nn.ELU(), nn.Dropout(0.3),
            nn.Linear(48, 24), nn.ELU(), nn.Linear(24, 1), nn.Flatten(0),
        )
        pos = self.train_set.y.mean()
        self.criterion = nn.BCEWithLogitsLoss(pos_weight=(1 - pos) / pos)
        self.opt = torch.optim.SGD(self.model.parameters(), lr=cfg.lr, momentum=0.9)
        self.sched = torch.optim.lr_scheduler.ReduceLROnPlateau(self.opt, mode="max", factor=0.5, patience=2)

    @torch.no_grad()
    def predict(self, ds):
        self.model.eval()
        out = torch.sigmoid(self.model(ds.x)).numpy()
        self.model.train()
        return out

    def run(self):
        best, waited = -1.0, 0
        for epoch in range(self.cfg.epochs):
            losses = []
            for x, y in self.loader:
                loss = self.criterion(self.model(x), y)
                self.opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.clip)
                self.opt.step()
                losses.append(loss.item())
            ap = average_precision_score(self.valid_set.y, self.predict(self.valid_set))
            self.sched.step(ap)
            print(f"epoch {epoch:2d}  loss {np.mean(losses):.3f}  valid AP {ap:.3f}")
            if ap > best:
                best, waited = ap, 0
                torch.save(self.model.state_dict(), self.cfg.ckpt)
            else:
                waited += 1
                if waited > self.cfg.patience:
                    break
        self.model.load_state_dict(torch.load(self.cfg.ckpt))
        p = self.predict(self.test_set)
        y = self.test_set.y.numpy()
        print(f"test recall {recall_score(y, p > 0.5):.3f}  share flagged {np.mean(p > 0.5):.3f}")
        print(f"test average precision {average_precision_score(y, p):.4f}  (base rate {y.mean():.3f})")


if __name__ == "__main__":
    Runner(TrainConfig()).run()
