"""Stratified 5-fold evaluation of a small MLP on the breast cancer data.

Kaggle-style kernel: one Trainer, several folds, mean AUC at the end.
"""
import copy
from dataclasses import dataclass, field
from typing import List

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    seed: int = 0
    n_folds: int = 5
    epochs: int = 8
    batch_size: int = 32
    lr: float = 2e-3
    weight_decay: float = 1e-4
    hidden: List[int] = field(default_factory=lambda: [32, 16])
    dropout: float = 0.2


class TabularNet(nn.Module):
    def __init__(self, n_in, cfg):
        super().__init__()
        blocks, width = [], n_in
        for h in cfg.hidden:
            blocks += [nn.Linear(width, h), nn.ReLU(), nn.Dropout(cfg.dropout)]
            width = h
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(1)


class Trainer:
    def __init__(self, template, cfg):
        self.template = template
        self.cfg = cfg
        self.model = copy.deepcopy(template)
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)

    def reset(self):
        self.model = copy.deepcopy(self.template)

    def run_epoch(self, loader):
        self.model.train()
        running, seen = 0.0, 0
        for xb, yb in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(xb), yb)
            loss.backward()
            self.optimizer.step()
            running += loss.item() * len(xb)
            seen += len(xb)
        return running / seen

    @torch.no_grad()
    def predict(self, x):
        self.model.eval()
        return torch.sigmoid(self.model(x)).numpy()

    def fit(self, x, y):
        ds = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
        loader = DataLoader(ds, batch_size=self.cfg.batch_size, shuffle=True)
        history = []
        for _ in range(self.cfg.epochs):
            history.append(self.run_epoch(loader))
        return history


def main():
    cfg = Config()
    torch.manual_seed(cfg.seed)
    np.random.seed(cfg.seed)

    data = load_breast_cancer()
    X = data.data.astype(np.float32)
    y = data.target.astype(np.float32)

    trainer = Trainer(TabularNet(X.shape[1], cfg), cfg)
    skf = StratifiedKFold(n_splits=cfg.n_folds, shuffle=True, random_state=cfg.seed)

    oof = np.zeros(len(y), dtype=np.float32)
    aucs = []
    for fold, (tr, va) in enumerate(skf.split(X, y)):
        scaler = StandardScaler().fit(X[tr])
        x_tr = scaler.transform(X[tr]).astype(np.float32)
        x_va = torch.from_numpy(scaler.transform(X[va]).astype(np.float32))

        trainer.reset()
        hist = trainer.fit(x_tr, y[tr])
        oof[va] = trainer.predict(x_va)
        aucs.append(roc_auc_score(y[va], oof[va]))
        print(f"fold {fold}: loss {hist[0]:.4f} -> {hist[-1]:.4f}   auc {aucs[-1]:.4f}")

    acc = ((oof > 0.5) == (y > 0.5)).mean()
    print(f"mean auc {np.mean(aucs):.4f}   out-of-fold accuracy {acc:.4f}")


if __name__ == "__main__":
    main()
