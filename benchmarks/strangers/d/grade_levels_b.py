"""Quality grades of a production batch from process readings (structured arrays)."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 21
FEATURES = ["temp", "pressure", "flow", "ph", "speed"]
LABEL = "grade"
GRADES = 5


def synth(n=3000):
    rng = np.random.default_rng(SEED)
    t = {
        "temp": rng.normal(180, 12, n),
        "pressure": rng.normal(3.2, 0.5, n),
        "flow": rng.gamma(4, 5, n),
        "ph": rng.normal(7, 0.4, n),
        "speed": rng.uniform(900, 1500, n),
    }
    score = (
        0.05 * (t["temp"] - 180) - 0.9 * (t["pressure"] - 3.2) ** 2 + 0.03 * t["flow"]
        + 1.2 * np.sin(4 * (t["ph"] - 7)) + 0.001 * t["speed"] + rng.normal(0, 0.1, n)
    )
    edges = np.quantile(score, np.linspace(0, 1, GRADES + 1)[1:-1])
    t[LABEL] = np.digitize(score, edges)
    return t


def rows(table, sel):
    return {k: v[sel] for k, v in table.items()}


def column_ranges(table):
    return {k: (v.min(), v.max()) for k, v in table.items()}


def min_max(table, ranges):
    return {k: (v - ranges[k][0]) / (ranges[k][1] - ranges[k][0]) for k, v in table.items()}


def table_to_tensors(table, ranges):
    scaled = min_max(table, ranges)
    feats = torch.tensor(np.stack([scaled[f] for f in FEATURES], 1), dtype=torch.float32)
    target = torch.tensor(table[LABEL]).long()
    return feats * 2 - 1, target


class GradeNet(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.seq = nn.Sequential(
            nn.Linear(d, 64), nn.LeakyReLU(0.1),
            nn.Linear(64, 64), nn.LeakyReLU(0.1),
            nn.Linear(64, k),
        )

    def forward(self, x):
        return self.seq(x)


def report(model, table, ranges):
    model.eval()
    x, _ = table_to_tensors(table, ranges)
    with torch.no_grad():
        pred = model(x).argmax(1).numpy()
    truth = table[LABEL]
    return (pred == truth).mean(), np.abs(pred - truth).mean()


def main():
    torch.manual_seed(SEED)
    table = synth()
    train_t, test_t = rows(table, slice(0, 2400)), rows(table, slice(2400, None))
    ranges = column_ranges(train_t)
    loader = DataLoader(TensorDataset(*table_to_tensors(train_t, ranges)), batch_size=64, shuffle=True)

    model = GradeNet(len(FEATURES), GRADES)
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(30):
        model.train()
        seen = cum = 0
        for x, y in loader:
            loss = loss_fn(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            cum += loss.item() * len(y)
            seen += len(y)
        if epoch % 5 == 4:
            acc, mae = report(model, test_t, ranges)
            print(f"epoch {epoch + 1} loss {cum / seen:.4f} test acc {acc:.4f} mean grade error {mae:.3f}")


if __name__ == "__main__":
    main()
