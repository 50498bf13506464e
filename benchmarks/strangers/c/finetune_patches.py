import argparse
import torch
from torch import nn
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--pre-epochs", type=int, default=15)
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--finetune", choices=["head", "all"], default="head")


class PatchMixer(nn.Module):
    """2x2 patches -> mixer blocks -> mean pool -> fc_norm -> head"""

    def __init__(self, num_classes, dim=32, depth=2):
        super().__init__()
        self.patch_embed = nn.Conv2d(1, dim, 2, stride=2)
        self.token_mix = nn.ModuleList(nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16)) for _ in range(depth))
        self.chan_mix = nn.ModuleList(nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)) for _ in range(depth))
        self.fc_norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, x):
        x = self.patch_embed(x).flatten(2)
        for t, c in zip(self.token_mix, self.chan_mix):
            x = x + t(x)
            x = x + c(x.transpose(1, 2)).transpose(1, 2)
        return self.head(self.fc_norm(x.mean(2)))


def prepare_for_finetuning(model, num_classes, mode):
    model.head = nn.Linear(model.head.in_features, num_classes)
    if mode == "all":
        return list(model.parameters())
    for name, p in model.named_parameters():
        p.requires_grad = name.startswith("fc")
    return [p for p in model.parameters() if p.requires_grad]


def loop(model, params, x, y, xt, yt, epochs, lr, bs, tag):
    opt = torch.optim.AdamW(params, lr=lr, weight_decay=1e-3)
    for ep in range(epochs):
        model.train()
        agg = 0.0
        for idx in torch.randperm(len(x)).split(bs):
            loss = nn.functional.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            agg += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            acc = (model(xt).argmax(1) == yt).float().mean().item()
        if ep % 5 == 4:
            print(f"{tag} {ep:02d} loss {agg / len(x):.4f} acc {acc:.4f}")


def main():
    args = parser.parse_args()
    torch.manual_seed(13)
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
    x = (x - x.mean()) / x.std()
    y = torch.tensor(d.target)
    low = y < 5

    # source task: digits 0-4
    xs, ys = x[low], y[low]
    model = PatchMixer(5)
    loop(model, model.parameters(), xs[:700], ys[:700], xs[700:], ys[700:], args.pre_epochs, args.lr, args.batch_size, "source")

    # target task: digits 5-9
    xt, yt = x[~low], y[~low] - 5
    params = prepare_for_finetuning(model, 5, args.finetune)
    loop(model, params, xt[:700], yt[:700], xt[700:], yt[700:], args.epochs, args.lr, args.batch_size, "target")


if __name__ == "__main__":
    main()
