"""Large batch training with the linear scaling rule (Goyal et al. 2017)."""
import argparse
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


def parse():
    ap = argparse.ArgumentParser()
    ap.add_argument("--base-lr", type=float, default=0.1, help="lr for a batch of 64")
    ap.add_argument("--batch-size", type=int, default=128)
    ap.add_argument("--epochs", type=int, default=20)
    ap.add_argument("--warmup-epochs", type=int, default=3)
    ap.add_argument("--momentum", type=float, default=0.9)
    ap.add_argument("--seed", type=int, default=99)
    return ap.parse_args()


REFERENCE_BATCH = 64


def scaled_lr(args):
    return args.base_lr * args.batch_size


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def warmup_then_cosine(args, steps_per_epoch):
    w, total = args.warmup_epochs * steps_per_epoch, args.epochs * steps_per_epoch

    def f(step):
        if step < w:
            return (step + 1) / w
        r = (step - w) / max(1, total - w)
        return 0.5 * (1 + torch.cos(torch.tensor(torch.pi * min(r, 1.0))).item())

    return f


def main():
    args = parse()
    torch.manual_seed(args.seed)
    d = load_digits()
    x = torch.tensor(d.data).float()
    y = torch.tensor(d.target)
    x = (x - x[:1400].mean()) / x[:1400].std()
    xt, yt, xv, yv = x[:1400], y[:1400], x[1400:], y[1400:]

    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=scaled_lr(args), momentum=args.momentum, nesterov=True)
    spe = -(-len(xt) // args.batch_size)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, warmup_then_cosine(args, spe))
    print("peak lr", scaled_lr(args), "steps per epoch", spe)
    for epoch in range(args.epochs):
        net.train()
        perm = torch.randperm(len(xt))
        mean = 0.0
        for i in range(spe):
            idx = perm[i * args.batch_size:(i + 1) * args.batch_size]
            opt.zero_grad()
            loss = F.cross_entropy(net(xt[idx]), yt[idx])
            loss.backward()
            opt.step()
            sched.step()
            mean += loss.item() / spe
        net.eval()
        with torch.no_grad():
            acc = (net(xv).argmax(1) == yv).float().mean().item()
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1} loss {mean:.4f} val_acc {acc:.4f}")


if __name__ == "__main__":
    main()
