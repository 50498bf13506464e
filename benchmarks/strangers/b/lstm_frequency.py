#!/usr/bin/env python3
"""
sensor_lstm - classify vibration signals by their dominant frequency

Usage: python lstm_frequency.py
"""
import math
from collections import namedtuple

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

Hyper = namedtuple("Hyper", "hidden layers lr epochs batch steps channels classes seed")
hp = Hyper(hidden=32, layers=1, lr=5e-3, epochs=18, batch=64, steps=32, channels=2, classes=4, seed=99)


def generate(n, hp):
    t = torch.arange(hp.steps, dtype=torch.float32)
    label = torch.randint(0, hp.classes, (n,))
    freq = 0.03 + 0.04 * label.float() + 0.01 * torch.rand(n)
    phase = 2 * math.pi * torch.rand(n, hp.channels)
    amp = 0.7 + 0.6 * torch.rand(n, hp.channels)
    angle = 2 * math.pi * freq[:, None, None] * t[None, :, None] + phase[:, None, :]
    signal = amp[:, None, :] * torch.sin(angle)
    return signal + 0.15 * torch.randn_like(signal), label


class SignalLSTM(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.lstm = nn.LSTM(hp.channels, hp.hidden, hp.layers)
        self.classifier = nn.Sequential(
            nn.Linear(hp.hidden, hp.hidden), nn.ReLU(), nn.Linear(hp.hidden, hp.classes))

    def forward(self, x):
        # x: batch x steps x channels
        output, _ = self.lstm(x)
        return self.classifier(output[:, -1, :])


class Learner:
    def __init__(self, model, train_dl, test_dl, hp):
        self.model, self.train_dl, self.test_dl, self.hp = model, train_dl, test_dl, hp
        self.loss_func = nn.CrossEntropyLoss()
        self.opt = torch.optim.Adam(model.parameters(), lr=hp.lr)

    def one_batch(self, xb, yb, train=True):
        pred = self.model(xb)
        loss = self.loss_func(pred, yb)
        if train:
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
            self.opt.step()
            self.opt.zero_grad()
        return loss.item(), (pred.argmax(-1) == yb).sum().item()

    def one_epoch(self, dl, train):
        self.model.train(train)
        loss_sum = correct = n = 0
        with torch.set_grad_enabled(train):
            for xb, yb in dl:
                loss, hits = self.one_batch(xb, yb, train)
                loss_sum += loss * len(xb)
                correct += hits
                n += len(xb)
        return loss_sum / n, correct / n

    def fit(self):
        for epoch in range(1, self.hp.epochs + 1):
            tr = self.one_epoch(self.train_dl, True)
            te = self.one_epoch(self.test_dl, False)
            if epoch % 3 == 0:
                print("epoch {:>2} | train {:.3f} / {:.3f} | test {:.3f} / {:.3f}".format(epoch, *tr, *te))
        return te[1]


def main():
    torch.manual_seed(hp.seed)
    dataset = TensorDataset(*generate(2000, hp))
    train_ds, test_ds = random_split(dataset, [1600, 400])
    train_dl = DataLoader(train_ds, batch_size=hp.batch, shuffle=True)
    test_dl = DataLoader(test_ds, batch_size=100)
    learner = Learner(SignalLSTM(hp), train_dl, test_dl, hp)
    accuracy = learner.fit()
    print("test accuracy = {:.4f}".format(accuracy))


if __name__ == "__main__":
    main()
