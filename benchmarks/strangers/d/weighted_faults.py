"""Fault types of a gearbox from vibration features; classes are not equally frequent."""
import logging
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
log = logging.getLogger("gearbox")


def get_data(seed=0):
    x, y = make_classification(
        n_samples=3000, n_features=20, n_informative=8, n_redundant=2, n_classes=4,
        n_clusters_per_class=1, weights=[0.80, 0.10, 0.06, 0.04], class_sep=0.9, flip_y=0.0, random_state=seed,
    )
    a, b, ya, yb = train_test_split(x, y, test_size=0.3, stratify=y, random_state=seed)
    mean, std = a.mean(0), a.std(0)
    t = lambda v: torch.tensor((v - mean) / std, dtype=torch.float32)
    return t(a), torch.tensor(ya), t(b), torch.tensor(yb)


def class_weights(y, power=1.0):
    counts = torch.bincount(y).float()
    share = counts / counts.sum()
    w = share.pow(power)
    return w / w.mean()


class Gearbox(nn.Module):
    def __init__(self, n_in, n_out, width=48):
        super().__init__()
        self.norm = nn.BatchNorm1d(n_in)
        self.fc1 = nn.Linear(n_in, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, n_out)

    def forward(self, x):
        x = self.norm(x)
        x = nn.functional.elu(self.fc1(x))
        x = nn.functional.elu(self.fc2(x))
        return self.fc3(x)


def main():
    torch.manual_seed(10)
    xa, ya, xb, yb = get_data()
    log.info("counts %s", torch.bincount(ya).tolist())
    loader = DataLoader(TensorDataset(xa, ya), batch_size=70, shuffle=True, drop_last=True)
    model = Gearbox(xa.shape[1], 4)
    criterion = nn.CrossEntropyLoss(weight=class_weights(ya))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(12):
        model.train()
        total = 0.0
        for xb_, yb_ in loader:
            optimizer.zero_grad()
            loss = criterion(model(xb_), yb_)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            pred = model(xb).argmax(1)
        log.info("epoch %d loss %.4f balanced accuracy %.4f", epoch, total / len(loader), balanced_accuracy_score(yb, pred))
    log.info("%s", confusion_matrix(yb, pred))


if __name__ == "__main__":
    main()
