"""DeepSurv on simulated survival times (non-linear log-risk, random censoring).

Settings follow the style of the original experiment files: one JSON blob per run.
"""
import json

import numpy as np
import torch
from torch import nn

EXPERIMENT = json.loads("""
{
    "name": "gaussian_simulated",
    "seed": 3,
    "n_train": 1200,
    "n_valid": 400,
    "n_features": 6,
    "layers": [32, 32],
    "dropout": 0.1,
    "learning_rate": 0.002,
    "l2_reg": 10.0,
    "lr_decay": 0.002,
    "batch_size": 200,
    "epochs": 60
}
""")


def simulate(n, d, rng):
    x = rng.uniform(-1, 1, size=(n, d)).astype(np.float32)
    risk = 3.0 * np.exp(-2 * (x[:, 0] ** 2 + x[:, 1] ** 2)) + 1.5 * x[:, 2]
    t = rng.exponential(1.0 / (0.1 * np.exp(risk)))
    c = rng.exponential(np.quantile(t, 0.7), size=n)
    time = np.minimum(t, c).astype(np.float32)
    event = (t <= c).astype(np.float32)
    return torch.tensor(x), torch.tensor(time), torch.tensor(event)


class DeepSurv(nn.Module):
    def __init__(self, d, layers, dropout):
        super().__init__()
        seq = []
        for h in layers:
            seq.append(nn.Linear(d, h))
            seq.append(nn.SELU())
            seq.append(nn.Dropout(dropout))
            d = h
        seq.append(nn.Linear(d, 1, bias=False))
        self.model = nn.Sequential(*seq)

    def forward(self, x):
        return self.model(x)[:, 0]


def cox_ph_loss(log_risk, time, event):
    order = torch.argsort(time, descending=True)
    log_risk, event = log_risk[order], event[order]
    log_cum = torch.logcumsumexp(log_risk, dim=0)
    return -((log_risk - log_cum) * event).sum() / event.sum().clamp(min=1)


def concordance_index(score, time, event):
    score, time, event = score.numpy(), time.numpy(), event.numpy().astype(bool)
    earlier = (time[:, None] < time[None, :]) & event[:, None]
    diff = score[:, None] - score[None, :]
    good = (diff > 0) + 0.5 * (diff == 0)
    return float((good * earlier).sum() / earlier.sum())


def train(exp):
    torch.manual_seed(exp["seed"])
    rng = np.random.default_rng(exp["seed"])
    train_set = simulate(exp["n_train"], exp["n_features"], rng)
    valid_set = simulate(exp["n_valid"], exp["n_features"], rng)

    net = DeepSurv(exp["n_features"], exp["layers"], exp["dropout"])
    optimizer = torch.optim.Adam(
        net.parameters(), lr=exp["learning_rate"], weight_decay=exp["l2_reg"])
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda epoch: 1.0 / (1.0 + epoch * exp["lr_decay"]))

    log = {"train": [], "c_index": []}
    n = exp["n_train"]
    for epoch in range(exp["epochs"]):
        net.train()
        total = 0.0
        for idx in torch.randperm(n).split(exp["batch_size"]):
            x, time, event = (t[idx] for t in train_set)
            optimizer.zero_grad()
            loss = cox_ph_loss(net(x), time, event)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(idx) / n
        scheduler.step()

        net.eval()
        with torch.no_grad():
            c_index = concordance_index(net(valid_set[0]), valid_set[1], valid_set[2])
        log["train"].append(total)
        log["c_index"].append(c_index)
        if epoch % 15 == 14:
            print("epoch %3d   loss %.4f   c-index %.4f" % (epoch + 1, total, c_index))
    return log


if __name__ == "__main__":
    history = train(EXPERIMENT)
    print("%s: validation c-index %.4f" % (EXPERIMENT["name"], np.mean(history["c_index"][-5:])))
