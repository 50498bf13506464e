"""A miniature training framework with callbacks, tried out on the wine data set."""
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


class Callback:
    def on_fit_start(self, trainer): ...
    def on_epoch_start(self, trainer): ...
    def on_batch_end(self, trainer, loss): ...
    def on_epoch_end(self, trainer): ...
    def on_fit_end(self, trainer): ...


class LossLogger(Callback):
    def __init__(self, every=10):
        self.every = every

    def on_epoch_start(self, trainer):
        self.sum, self.n = 0.0, 0

    def on_batch_end(self, trainer, loss):
        self.sum += loss
        self.n += 1

    def on_epoch_end(self, trainer):
        if (trainer.epoch + 1) % self.every == 0:
            print(f"epoch {trainer.epoch + 1:3d}  loss {self.sum / self.n:.4f}")


class ValidationCallback(Callback):
    def __init__(self, loader):
        self.loader = loader
        self.scores = []

    def score(self, trainer):
        model = trainer.model
        model.eval()
        good = count = 0
        with torch.no_grad():
            for x, y in self.loader:
                good += (model(x).argmax(1) == y).sum().item()
                count += len(y)
        return good / count

    def on_fit_start(self, trainer):
        print(f"accuracy before training: {self.score(trainer):.3f}")

    def on_epoch_end(self, trainer):
        self.scores.append(self.score(trainer))


class Trainer:
    def __init__(self, model, optimizer, criterion, callbacks=()):
        self.model = model
        self.optimizer = optimizer
        self.criterion = criterion
        self.callbacks = list(callbacks)
        self.epoch = 0

    def notify(self, event, *args):
        for cb in self.callbacks:
            getattr(cb, event)(self, *args)

    def train_batch(self, x, y):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def fit(self, loader, epochs):
        self.model.train()
        self.notify("on_fit_start")
        for self.epoch in range(epochs):
            self.notify("on_epoch_start")
            for x, y in loader:
                self.notify("on_batch_end", self.train_batch(x, y))
            self.notify("on_epoch_end")
        self.notify("on_fit_end")


class WineNet(nn.Module):
    def __init__(self, n_features=13, n_classes=3):
        super().__init__()
        self.norm = nn.BatchNorm1d(n_features)
        self.fc1 = nn.Linear(n_features, 24)
        self.fc2 = nn.Linear(24, n_classes)

    def forward(self, x):
        x = self.norm(x)
        x = torch.relu(self.fc1(x))
        return self.fc2(x)


def main():
    torch.manual_seed(11)
    raw = load_wine()
    x_tr, x_te, y_tr, y_te = train_test_split(
        raw.data, raw.target, test_size=0.3, stratify=raw.target, random_state=0)
    to_t = lambda a, b: TensorDataset(torch.tensor(a, dtype=torch.float32), torch.tensor(b))
    train_loader = DataLoader(to_t(x_tr, y_tr), batch_size=20, shuffle=True)
    valid_loader = DataLoader(to_t(x_te, y_te), batch_size=54)

    net = WineNet()
    validation = ValidationCallback(valid_loader)
    trainer = Trainer(
        net,
        optim.SGD(net.parameters(), lr=0.05, momentum=0.9),
        nn.CrossEntropyLoss(),
        callbacks=[LossLogger(), validation],
    )
    trainer.fit(train_loader, epochs=40)
    print(f"mean accuracy over the last 5 epochs: {sum(validation.scores[-5:]) / 5:.4f}")


if __name__ == "__main__":
    main()
