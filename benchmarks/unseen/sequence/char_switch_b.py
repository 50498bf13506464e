import torch
from torch import nn
from torch.nn import functional as F

CONFIG = {"optimizer": "Adam", "lr": 3e-3, "steps": 350, "batch": 64, "width": 64}
ALPHABET = "abcdefgh"


def words(n, g):
    """Eight letters; the label is the letter that stands where the first letter points to."""
    w = torch.randint(8, (n, 8), generator=g)
    return w, w.gather(1, w[:, :1] // 2 + 1)[:, 0]


class Pointer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), width)
        self.places = nn.Parameter(torch.randn(8, width) * 0.1)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, len(ALPHABET)))

    def forward(self, w):
        h = self.letters(w) + self.places
        h = h + self.attend(h, h, h, need_weights=False)[0]
        return self.mlp(h[:, 0])


def train(config):
    g = torch.Generator().manual_seed(7)
    torch.manual_seed(7)
    net = Pointer(config["width"])
    opt = getattr(torch.optim, config["optimizer"])(net.parameters(), lr=config["lr"])
    for step in range(config["steps"]):
        w, label = words(config["batch"], g)
        opt.zero_grad()
        loss = F.cross_entropy(net(w), label)
        loss.backward()
        opt.step()
        if step % 70 == 0:
            print(f"step {step}: {loss.item():.3f}")
    w, label = words(1000, g)
    with torch.no_grad():
        print("accuracy", (net(w).argmax(1) == label).float().mean().item())


train(CONFIG)
