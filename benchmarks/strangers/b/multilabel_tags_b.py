# Multi-label tagging of short "questions" (bag of words), in the spirit of the
# StackExchange tag prediction kernels.
import numpy as np
import torch
from torch import nn, optim
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, TensorDataset

CONFIG = dict(
    seed=2023,
    vocab=200,
    n_tags=20,
    n_docs=2400,
    words_per_tag=6,
    hidden=64,
    lr=0.005,
    batch=64,
    epochs=15,
    threshold=0.5,
)


def synth_corpus(cfg):
    rng = np.random.default_rng(cfg["seed"])
    keywords = [rng.choice(cfg["vocab"], cfg["words_per_tag"], replace=False)
                for _ in range(cfg["n_tags"])]
    X = np.zeros((cfg["n_docs"], cfg["vocab"]), dtype=np.float32)
    Y = np.zeros((cfg["n_docs"], cfg["n_tags"]), dtype=np.float32)
    for d in range(cfg["n_docs"]):
        tags = rng.choice(cfg["n_tags"], rng.integers(1, 4), replace=False)
        Y[d, tags] = 1
        for t in tags:
            for w in rng.choice(keywords[t], 4):
                X[d, w] += 1
        for w in rng.integers(0, cfg["vocab"], 8):
            X[d, w] += 1
    X = np.log1p(X)
    return X, Y


class TagModel(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.layers = nn.ModuleDict({
            "proj": nn.Linear(cfg["vocab"], cfg["hidden"]),
            "norm": nn.LayerNorm(cfg["hidden"]),
            "tags": nn.Linear(cfg["hidden"], cfg["n_tags"]),
        })
        self.drop = nn.Dropout(0.1)

    def forward(self, bow):
        h = self.layers["norm"](self.layers["proj"](bow))
        h = self.drop(torch.relu(h))
        return self.layers["tags"](h).sigmoid()


class Experiment:
    def __init__(self, cfg):
        self.cfg = cfg
        torch.manual_seed(cfg["seed"])
        X, Y = map(torch.from_numpy, synth_corpus(cfg))
        cut = int(0.8 * len(X))
        self.train_set = TensorDataset(X[:cut], Y[:cut])
        self.test = X[cut:], Y[cut:]
        self.model = TagModel(cfg)
        self.loss_fn = nn.BCELoss()
        self.opt = optim.Adam(self.model.parameters(), lr=cfg["lr"])

    def predict(self, X):
        self.model.eval()
        with torch.no_grad():
            return self.model(X) > self.cfg["threshold"]

    def micro_f1(self):
        X, Y = self.test
        return f1_score(Y.numpy().astype(int), self.predict(X).numpy().astype(int),
                        average="micro", zero_division=0)

    def run(self):
        loader = DataLoader(self.train_set, self.cfg["batch"], shuffle=True)
        for epoch in range(self.cfg["epochs"]):
            self.model.train()
            losses = []
            for X, Y in loader:
                self.opt.zero_grad()
                loss = self.loss_fn(self.model(X), Y)
                loss.backward()
                self.opt.step()
                losses.append(loss.item())
            if epoch % 5 == 4:
                print(f"[{epoch + 1:02d}] train loss {np.mean(losses):.4f}, micro-F1 {self.micro_f1():.4f}")
        return self.micro_f1()


if __name__ == "__main__":
    print("micro-F1: %.4f" % Experiment(CONFIG).run())
