from dataclasses import dataclass
import math
import tempfile
import os
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


@dataclass(frozen=True)
class HP:
    epochs: int = 10
    batch: int = 64
    base_lr: float = 0.3
    warmup_frac: float = 0.15
    smoothing: float = 0.1
    wd: float = 5e-4
    ema: float = 0.97


def conv_bn(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = conv_bn(1, 16)
        self.b = conv_bn(16, 16)
        self.c = conv_bn(16, 32)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = self.a(x)
        x = x + self.b(x)
        x = nn.functional.max_pool2d(x, 2)
        return self.fc(self.c(x).amax((2, 3)))


def schedule(step, total, hp):
    w = int(total * hp.warmup_frac)
    if step < w:
        return (step + 1) / w
    return 0.5 * (1 + math.cos(math.pi * (step - w) / max(1, total - w)))


def evaluate(model, loader):
    model.eval()
    n = c = 0
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for x, y in loader:
            c += (model(x).argmax(1) == y).sum().item()
            n += len(y)
    return c / n


def main(hp=HP()):
    torch.manual_seed(100)
    d = load_digits()
    x = torch.tensor(d.images).float().unsqueeze(1) / 16 - 0.3
    y = torch.tensor(d.target)
    train = DataLoader(TensorDataset(x[:1400], y[:1400]), hp.batch, shuffle=True, drop_last=True)
    test = DataLoader(TensorDataset(x[1400:], y[1400:]), 200)
    model = SmallNet()
    avg = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(hp.ema), use_buffers=True)
    norm_or_bias = [p for p in model.parameters() if p.ndim < 2]
    weights = [p for p in model.parameters() if p.ndim >= 2]
    opt = torch.optim.SGD([{"params": weights, "weight_decay": hp.wd}, {"params": norm_or_bias}], lr=hp.base_lr, momentum=0.9, nesterov=True)
    total = hp.epochs * len(train)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: schedule(s, total, hp))
    crit = nn.CrossEntropyLoss(label_smoothing=hp.smoothing)
    ckpt = os.path.join(tempfile.mkdtemp(), "last.pt")
    for ep in range(hp.epochs):
        model.train()
        run = 0.0
        for xb, yb in train:
            opt.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = crit(model(xb), yb)
            loss.backward()
            opt.step()
            sched.step()
            avg.update_parameters(model)
            run += loss.item()
        torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "ep": ep}, ckpt)
        print(f"ep {ep} loss {run / len(train):.4f} acc {evaluate(model, test):.4f} ema acc {evaluate(avg, test):.4f}")
    model.load_state_dict(torch.load(ckpt, weights_only=True)["model"])
    print(f"reloaded acc {evaluate(model, test):.4f}")


if __name__ == "__main__":
    main()
