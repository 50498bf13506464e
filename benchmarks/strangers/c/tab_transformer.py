import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class FeatureTokenizer(nn.Module):
    def __init__(self, n_feat, d):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_feat, d) * 0.3)
        self.bias = nn.Parameter(torch.zeros(n_feat, d))
        self.cls = nn.Parameter(torch.zeros(1, 1, d))

    def forward(self, x):
        tok = x.unsqueeze(-1) * self.weight + self.bias
        return torch.cat([self.cls.expand(len(x), -1, -1), tok], dim=1)


class TabTransformer(nn.Module):
    def __init__(self, n_feat, n_cls, d=32, heads=4, depth=2):
        super().__init__()
        self.tok = FeatureTokenizer(n_feat, d)
        layer = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.1,
                                           batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, n_cls)

    def forward(self, x):
        return self.head(self.norm(self.enc(self.tok(x))[:, 0]))


class Trainer:
    def __init__(self, model, args, total_steps):
        self.model = model
        self.args = args
        decay, no_decay = [], []
        for n, p in model.named_parameters():
            (no_decay if p.ndim == 1 else decay).append(p)
        self.opt = torch.optim.AdamW([
            {"params": decay, "weight_decay": args.wd},
            {"params": no_decay, "weight_decay": 0.0}], lr=args.lr)
        warm = max(1, total_steps // 10)
        self.sched = torch.optim.lr_scheduler.LambdaLR(
            self.opt, lambda s: min(1.0, (s + 1) / warm))
        self.norms = []

    def grad_norm(self):
        g = [p.grad.norm() for p in self.model.parameters() if p.grad is not None]
        return torch.stack(g).norm().item()

    def update(self, loss):
        loss.backward()
        self.norms.append(self.grad_norm())
        self.opt.zero_grad()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.args.clip)
        self.opt.step()
        self.sched.step()

    def fit(self, x, y, xv, yv):
        for ep in range(self.args.epochs):
            self.model.train()
            perm = torch.randperm(len(x))
            run = 0.0
            for idx in perm.split(self.args.bs):
                loss = F.cross_entropy(self.model(x[idx]), y[idx])
                self.update(loss)
                run += loss.item() * len(idx)
            if (ep + 1) % 5 == 0:
                acc = self.score(xv, yv)
                print(f"[{ep+1:03d}] loss={run/len(x):.4f} gnorm={self.norms[-1]:.3f} val_acc={acc:.4f}")

    @torch.no_grad()
    def score(self, x, y):
        self.model.eval()
        return (self.model(x).argmax(1) == y).float().mean().item()


def get_args():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=30)
    ap.add_argument("--bs", type=int, default=16)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--wd", type=float, default=1e-2)
    ap.add_argument("--clip", type=float, default=1.0)
    ap.add_argument("--seed", type=int, default=0)
    return ap.parse_args()


if __name__ == "__main__":
    args = get_args()
    torch.manual_seed(args.seed)
    X, y = load_wine(return_X_y=True)
    Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.3, stratify=y, random_state=1)
    sc = StandardScaler().fit(Xtr)
    t = lambda a: torch.tensor(sc.transform(a), dtype=torch.float32)
    ytr, yva = torch.tensor(ytr), torch.tensor(yva)
    model = TabTransformer(X.shape[1], 3)
    steps = args.epochs * -(-len(Xtr) // args.bs)
    Trainer(model, args, steps).fit(t(Xtr), ytr, t(Xva), yva)
