"""For each of 8 numbers predict its rank within the sequence (small transformer)."""
import torch
from torch import nn

N = 8


def batch(size, g=None):
    x = torch.randn(size, N, generator=g)
    ranks = x.argsort(1).argsort(1)
    return x.unsqueeze(-1), ranks


class Ranker(nn.Module):
    def __init__(self, d_model=32, nhead=4, layers=2):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(1, d_model), nn.GELU(), nn.Linear(d_model, d_model))
        enc = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(enc, layers, enable_nested_tensor=False)
        self.classify = nn.Linear(d_model, N)

    def forward(self, x):
        return self.classify(self.encoder(self.embed(x)))


class Ema:
    def __init__(self, model, decay):
        self.decay = decay
        self.shadow = {k: v.clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model):
        for k, v in model.state_dict().items():
            self.shadow[k].lerp_(v, 1 - self.decay)


def token_accuracy(model, x, r):
    model.eval()
    with torch.no_grad():
        pred = model(x).argmax(dim=-1)
    model.train()
    return (pred == r).float().mean().item()


def main(steps=600, bs=64, lr=2e-3):
    torch.manual_seed(14)
    g = torch.Generator().manual_seed(5)
    xv, rv = batch(500, g)
    model, ema_model = Ranker(), Ranker()
    ema = Ema(model, 0.98)
    criterion = nn.CrossEntropyLoss()
    opt = torch.optim.AdamW(model.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 50) * (1 - s / (steps + 1)))
    smooth = 0.0
    for s in range(steps):
        x, r = batch(bs)
        scores = model(x)
        loss = criterion(scores, r)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        ema.update(model)
        smooth = loss.item() if s == 0 else 0.95 * smooth + 0.05 * loss.item()
        if (s + 1) % 100 == 0:
            ema_model.load_state_dict(ema.shadow)
            print(f"step {s + 1} loss {smooth:.4f} acc {token_accuracy(ema_model, xv, rv):.4f}")


if __name__ == "__main__":
    main()
