import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(77)

# ----- second order Markov source ------------------------------------------
V, T = 5, 20
table = torch.softmax(1.6 * torch.randn(V, V, V), -1)


def generate(n):
    s = torch.randint(0, V, (n, T + 1))
    for t in range(2, T + 1):
        s[:, t] = torch.multinomial(table[s[:, t - 2], s[:, t - 1]], 1).squeeze(1)
    return s


def floor(s):
    p = table[s[:, :-2], s[:, 1:-1]].gather(-1, s[:, 2:, None]).squeeze(-1)
    return -p[:, 1:].log().mean().item()


# ----- model ----------------------------------------------------------------
class Layer(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.att = nn.MultiheadAttention(d, h, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 3 * d), nn.ReLU(), nn.Linear(3 * d, d))
        nn.init.zeros_(self.ff[-1].weight)
        nn.init.zeros_(self.att.out_proj.weight)

    def forward(self, x, mask):
        q = self.n1(x)
        x = x + self.att(q, q, q, attn_mask=mask, need_weights=False)[0]
        return x + self.ff(self.n2(x))


class LM(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.wte = nn.Embedding(V, d)
        self.wpe = nn.Embedding(T, d)
        self.layers = nn.ModuleList(Layer(d, 4) for _ in range(2))
        self.norm = nn.LayerNorm(d)
        self.lm_head = nn.Linear(d, V, bias=False)
        self.lm_head.weight = self.wte.weight
        nn.init.normal_(self.wte.weight, std=0.1)
        self.register_buffer("mask", torch.triu(torch.ones(T, T, dtype=torch.bool), 1))

    def forward(self, x):
        h = self.wte(x) + self.wpe(torch.arange(x.size(1)))
        for l in self.layers:
            h = l(h, self.mask)
        return self.lm_head(self.norm(h))


model = LM()
ACCUM, UPDATES = 2, 500
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=UPDATES, pct_start=0.15)
pool = generate(6000)
test = generate(400)

for u in range(UPDATES):
    for _ in range(ACCUM):
        b = pool[torch.randint(0, len(pool), (24,))]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(b[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), b[:, 1:].flatten())
        (loss / ACCUM).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sched.step()
    opt.zero_grad()
    if u % 100 == 0:
        print(f"update {u} loss {loss.item():.4f} lr {sched.get_last_lr()[0]:.5f}")

model.eval()
with torch.no_grad():
    lg = model(test[:, :-1])
    ce = F.cross_entropy(lg[:, 2:].flatten(0, 1), test[:, 3:].flatten()).item()
print("entropy of the source: %.4f  uniform: %.4f" % (floor(test), torch.tensor(float(V)).log().item()))
print("test cross entropy: %.4f" % ce)
