"""Transformer on a copy-the-majority task with gradient accumulation, OneCycle, AdamW groups."""
import argparse
import torch
from torch import nn
import torch.nn.functional as F


def make(n, seq, vocab, g):
    y = torch.randint(0, vocab, (n,), generator=g)
    x = torch.randint(0, vocab, (n, seq), generator=g)
    hot = torch.rand(n, seq, generator=g) < 0.3
    return torch.where(hot, y[:, None], x), y


class Encoder(nn.Module):
    def __init__(self, vocab, d=32, seq=16):
        super().__init__()
        self.tok = nn.Embedding(vocab, d)
        self.pos = nn.Embedding(seq, d)
        self.attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 64), nn.GELU(), nn.Linear(64, d))
        self.lm = nn.Linear(d, vocab, bias=False)
        self.lm.weight = self.tok.weight
        nn.init.normal_(self.tok.weight, std=0.1)

    def forward(self, x):
        h = self.tok(x) + self.pos(torch.arange(x.size(1)))
        q = self.ln1(h)
        h = h + self.attn(q, q, q, need_weights=False)[0]
        h = h + self.ff(self.ln2(h))
        return self.lm(h.mean(1))


def groups(model, wd):
    seen, decay, plain = set(), [], []
    for m in model.modules():
        for n, p in m.named_parameters(recurse=False):
            if id(p) in seen:
                continue
            seen.add(id(p))
            (plain if isinstance(m, (nn.LayerNorm, nn.Embedding)) or n.endswith("bias") else decay).append(p)
    return [{"params": decay, "weight_decay": wd}, {"params": plain, "weight_decay": 0.0}]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--accum", type=int, default=4)
    ap.add_argument("--micro", type=int, default=16)
    ap.add_argument("--updates", type=int, default=250)
    ap.add_argument("--max-lr", type=float, default=1e-2)
    a = ap.parse_args()
    torch.manual_seed(40)
    g = torch.Generator().manual_seed(0)
    xv, yv = make(600, 16, 20, g)
    model = Encoder(20)
    opt = torch.optim.AdamW(groups(model, 0.02), lr=1e-3)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, a.max_lr, total_steps=a.updates)
    micro_step, acc_loss = 0, 0.0
    while micro_step < a.updates * a.accum:
        x, y = make(a.micro, 16, 20, g)
        loss = F.cross_entropy(model(x), y) / a.accum
        loss.backward()
        acc_loss += loss.item()
        micro_step += 1
        if micro_step % a.accum:
            continue
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        opt.zero_grad(set_to_none=True)
        done = micro_step // a.accum
        if done % 50 == 0 or done == 1:
            with torch.no_grad():
                acc = (model(xv).argmax(1) == yv).float().mean().item()
            print(f"update {done} loss {acc_loss:.4f} acc {acc:.4f} lr {sched.get_last_lr()[0]:.5f}")
        acc_loss = 0.0


if __name__ == "__main__":
    main()
