#!/usr/bin/env python
# Stage 1: denoising autoencoder on all (unlabelled) digits
# Stage 2: put a linear probe on top of the bottleneck, using few labelled samples
import argparse
import io

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--pretrain-epochs', type=int, default=20)
    p.add_argument('--probe-epochs', type=int, default=40)
    p.add_argument('--batch-size', type=int, default=64)
    p.add_argument('--bottleneck', type=int, default=12)
    p.add_argument('--noise', type=float, default=0.2)
    p.add_argument('--labelled', type=int, default=400)
    return p.parse_args()


def make_encoder(k):
    return nn.Sequential(
        nn.Linear(64, 128), nn.ELU(),
        nn.Linear(128, 64), nn.ELU(),
        nn.Linear(64, 32), nn.ELU(),
        nn.Linear(32, k),
    )


class DenoisingAE(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.encoder = make_encoder(k)
        self.decoder = nn.Sequential(
            nn.ELU(), nn.Linear(k, 64), nn.ELU(), nn.Linear(64, 128), nn.ELU(), nn.Linear(128, 64))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class ProbeNet(nn.Module):
    def __init__(self, k, n_classes=10):
        super().__init__()
        self.backbone = make_encoder(k)
        self.fc = nn.Linear(k, n_classes)

    def forward(self, x):
        return self.fc(self.backbone(x))


def pretrain(args, x):
    ae = DenoisingAE(args.bottleneck)
    opt = torch.optim.Adam(ae.parameters(), lr=2e-3)
    loader = DataLoader(TensorDataset(x), batch_size=args.batch_size, shuffle=True)
    for ep in range(args.pretrain_epochs):
        total = 0.
        for (xb,) in loader:
            noisy = xb + args.noise * torch.randn_like(xb)
            loss = F.mse_loss(ae(noisy), xb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        if ep % 10 == 9:
            print('[pretrain] epoch %d mse %.4f' % (ep + 1, total / len(loader)))
    ckpt = io.BytesIO()
    torch.save({'epoch': args.pretrain_epochs, 'model': ae.state_dict()}, ckpt)
    ckpt.seek(0)
    return ckpt


def build_probe(args, ckpt):
    net = ProbeNet(args.bottleneck)
    state = torch.load(ckpt)['model']
    net.load_state_dict(state, strict=False)
    for p in net.backbone.parameters():
        p.requires_grad_(False)
    return net


def train_probe(args, net, x, y):
    trainable = [p for p in net.parameters() if p.requires_grad]
    opt = torch.optim.Adam(trainable, lr=1e-2)
    loader = DataLoader(TensorDataset(x, y), batch_size=args.batch_size, shuffle=True)
    for ep in range(args.probe_epochs):
        total = 0.
        for xb, yb in loader:
            loss = F.cross_entropy(net(xb), yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        if ep % 20 == 19:
            print('[probe] epoch %d ce %.4f' % (ep + 1, total / len(loader)))


if __name__ == '__main__':
    args = get_args()
    torch.manual_seed(args.seed)

    digits = load_digits()
    X = torch.tensor(digits.data / 16.0, dtype=torch.float32)
    X = (X - X.mean()) / X.std()
    Y = torch.tensor(digits.target)
    perm = torch.randperm(len(X))
    X, Y = X[perm], Y[perm]
    X_test, Y_test = X[-500:], Y[-500:]
    X_train, Y_train = X[:-500], Y[:-500]

    ckpt = pretrain(args, X_train)
    net = build_probe(args, ckpt)
    train_probe(args, net, X_train[:args.labelled], Y_train[:args.labelled])

    net.eval()
    with torch.no_grad():
        acc = (net(X_test).argmax(1) == Y_test).float().mean().item()
    print('probe accuracy: %.4f' % acc)
