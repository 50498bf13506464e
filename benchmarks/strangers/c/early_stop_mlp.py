"""Early stopping on a small noisy tabular set."""
import logging
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger("es")


class EarlyStopping:
    """Keeps the weights of the epoch with the lowest validation loss."""

    def __init__(self, patience=60, min_delta=1e-4):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.wait, self.snapshot = float("inf"), 0, None

    def update(self, value, model):
        if value < self.best - self.min_delta:
            self.best, self.wait = value, 0
            self.snapshot = {k: v.detach().cpu() for k, v in model.state_dict().items()}
        else:
            self.wait += 1
        return self.wait > self.patience

    def restore(self, model):
        if self.snapshot is not None:
            model.load_state_dict(self.snapshot)
        return model


def split():
    X, y = make_classification(1400, 30, n_informative=8, n_redundant=4, flip_y=0.12,
                               class_sep=0.9, n_clusters_per_class=3, random_state=4)
    X1, Xte, y1, yte = train_test_split(X, y, test_size=700, random_state=0)
    Xtr, Xva, ytr, yva = train_test_split(X1, y1, test_size=300, random_state=0)
    sc = StandardScaler().fit(Xtr)
    f = lambda a: torch.as_tensor(sc.transform(a), dtype=torch.float32)
    g = lambda a: torch.as_tensor(a).long()
    return (f(Xtr), g(ytr)), (f(Xva), g(yva)), (f(Xte), g(yte))


def evaluate(model, data):
    model.eval()
    with torch.no_grad():
        out = model(data[0])
        return nn.functional.cross_entropy(out, data[1]).item(), (out.argmax(1) == data[1]).float().mean().item()


def train(model, tr, va, epochs=150, bs=32):
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    stopper = EarlyStopping()
    for ep in range(epochs):
        model.train()
        for idx in torch.randperm(len(tr[0])).split(bs):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(tr[0][idx]), tr[1][idx])
            loss.backward()
            opt.step()
        vl, vacc = evaluate(model, va)
        if ep % 10 == 0:
            log.info("epoch %3d train %.4f val %.4f acc %.3f", ep, evaluate(model, tr)[0], vl, vacc)
        if stopper.update(vl, model):
            log.info("stopped at epoch %d", ep)
            break
    stopper.restore(model)
    return stopper.best


def main():
    torch.manual_seed(8)
    tr, va, te = split()
    model = nn.Sequential(nn.Linear(30, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 2))
    best = train(model, tr, va)
    loss, acc = evaluate(model, te)
    print(f"best val loss {best:.4f}")
    print(f"restored model: test loss {loss:.4f} test acc {acc:.4f}")


if __name__ == "__main__":
    main()
