"""Fraud classes (clean / chargeback / takeover), very uneven, so the loss is weighted."""
import logging
from collections import Counter

import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import RobustScaler

logger = logging.getLogger("fraud")
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


def get_data():
    X, y = make_classification(6000, 18, n_informative=8, n_redundant=2, n_classes=3, n_clusters_per_class=2,
                               weights=[0.9, 0.06, 0.04], class_sep=1.2, flip_y=0.01, random_state=12)
    Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.33, stratify=y, random_state=0)
    sc = RobustScaler().fit(Xtr)
    return (torch.tensor(sc.transform(Xtr)).float(), torch.tensor(ytr),
            torch.tensor(sc.transform(Xte)).float(), torch.tensor(yte))


def balance(labels, n_classes):
    """one weight per class, mean 1"""
    c = Counter(labels.tolist())
    freq = torch.tensor([c[k] for k in range(n_classes)], dtype=torch.float)
    w = freq / freq.sum()
    return w * n_classes


class FraudNet(nn.Module):
    def __init__(self, d_in, n_out, d=64):
        super().__init__()
        self.l1 = nn.Linear(d_in, d)
        self.n1 = nn.BatchNorm1d(d)
        self.l2 = nn.Linear(d, d)
        self.n2 = nn.BatchNorm1d(d)
        self.out = nn.Linear(d, n_out)

    def forward(self, x):
        x = torch.relu(self.n1(self.l1(x)))
        x = torch.relu(self.n2(self.l2(x)))
        return self.out(x)


def report(model, X, y, tag):
    model.eval()
    with torch.no_grad():
        p = model(X).argmax(1)
    ba = balanced_accuracy_score(y.numpy(), p.numpy())
    rec = recall_score(y.numpy(), p.numpy(), average=None, zero_division=0)
    logger.info("%s balanced_acc %.4f recalls %s", tag, ba, [round(float(r), 3) for r in rec])
    return ba


def main():
    torch.manual_seed(3)
    X, y, Xt, yt = get_data()
    model = FraudNet(X.shape[1], 3)
    criterion = nn.CrossEntropyLoss(weight=balance(y, 3))
    opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-3)
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [8], gamma=0.2)
    for epoch in range(10):
        model.train()
        running, n = 0.0, 0
        for idx in torch.randperm(len(X)).split(128):
            opt.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            opt.step()
            running += loss.item()
            n += 1
        sched.step()
        ba = report(model, Xt, yt, f"epoch {epoch} loss {running / n:.4f}")
    print(f"final balanced accuracy {ba:.4f}")


if __name__ == "__main__":
    main()
