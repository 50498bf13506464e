import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
V, T, D = 20, 16, 32
chain = torch.softmax(3.0 * torch.randn(V, V), dim=1)


def sample(n):
    out = [torch.randint(0, V, (n,))]
    for _ in range(T):
        out.append(torch.multinomial(chain[out[-1]], 1).squeeze(1))
    return torch.stack(out, 1)


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(V, D)
        self.wpe = nn.Embedding(T, D)
        nn.init.normal_(self.wte.weight, std=0.2)
        self.block = nn.TransformerEncoderLayer(D, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.ln = nn.LayerNorm(D)
        self.head = nn.Linear(D, V, bias=False)
        self.head.weight = self.wte.weight
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(T))

    def forward(self, ids):
        h = self.wte(ids) + self.wpe.weight
        return self.head(self.ln(self.block(h, src_mask=self.mask)))


model = LM()
decay = [p for p in model.parameters() if p.dim() > 1]
rest = [p for p in model.parameters() if p.dim() <= 1]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=4e-3)
for it in range(250):
    s = sample(32)
    loss = F.cross_entropy(model(s[:, :-1]).reshape(-1, V), s[:, 1:].reshape(-1))
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if it % 25 == 0:
        print(f"iter {it:3d} loss {loss.item():.4f}")
entropy = -(chain * chain.log()).sum(1).mean().item()
print(f"entropy of the chain about {entropy:.3f}")
print(f"final loss {loss.item():.4f}")
