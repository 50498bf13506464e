"""Predict the topic mixture of a document from its word counts (label distribution learning)."""
import argparse
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader


class Docs(Dataset):
    def __init__(self, n, topics, vocab, seed):
        phi = np.random.default_rng(1).dirichlet(np.full(vocab, 0.08), topics)
        r = np.random.default_rng(seed)
        theta = r.dirichlet(np.full(topics, 0.7), n)
        counts = np.stack([r.multinomial(150, t @ phi) for t in theta])
        self.counts = torch.tensor(counts, dtype=torch.float32)
        self.theta = torch.tensor(theta, dtype=torch.float32)

    def __len__(self):
        return len(self.theta)

    def __getitem__(self, i):
        return {"bow": torch.log1p(self.counts[i]), "theta": self.theta[i]}


class MixNet(nn.Module):
    def __init__(self, vocab, topics, hidden):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(vocab, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Dropout(0.1),
                               nn.Linear(hidden, hidden), nn.ReLU())
        self.out = nn.Linear(hidden, topics)

    def forward(self, bow):
        return F.softmax(self.out(self.f(bow)), dim=-1)


def l1(p, q):
    return (p - q).abs().sum(-1)


def evaluate(net, dl):
    net.eval()
    d = []
    with torch.no_grad():
        for b in dl:
            d.append(l1(net(b["bow"]), b["theta"]))
    return torch.cat(d).mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--topics", type=int, default=8)
    ap.add_argument("--vocab", type=int, default=150)
    ap.add_argument("--hidden", type=int, default=96)
    ap.add_argument("--epochs", type=int, default=12)
    ap.add_argument("--lr", type=float, default=2e-3)
    args = ap.parse_args()
    torch.manual_seed(4)
    train = DataLoader(Docs(2400, args.topics, args.vocab, 0), 48, shuffle=True)
    test = DataLoader(Docs(600, args.topics, args.vocab, 3), 300)
    net = MixNet(args.vocab, args.topics, args.hidden)
    criterion = nn.KLDivLoss(reduction="batchmean")
    opt = torch.optim.AdamW(net.parameters(), lr=args.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs * len(train))
    for epoch in range(args.epochs):
        net.train()
        tot = 0.0
        for b in train:
            pred = net(b["bow"])
            loss = criterion(pred.clamp_min(1e-8).log(), b["theta"])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            sched.step()
            tot += loss.item()
        print(f"epoch {epoch + 1}: loss {tot / len(train):.4f} test L1 {evaluate(net, test):.4f}")


if __name__ == "__main__":
    main()
