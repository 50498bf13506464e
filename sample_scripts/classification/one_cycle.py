import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 10


class Learner:
    def __init__(self, model, train_dl, valid, max_lr):
        self.model, self.train_dl, self.valid = model, train_dl, valid
        self.loss_func = nn.CrossEntropyLoss()
        self.opt = torch.optim.SGD(model.parameters(), lr=max_lr / 25, momentum=0.9)
        self.sched = OneCycleLR(self.opt, max_lr=max_lr, total_steps=EPOCHS * len(train_dl))

    def one_batch(self, xb, yb):
        loss = self.loss_func(self.model(xb), yb)
        loss.backward()
        self.opt.step()
        self.opt.zero_grad()
        self.sched.step()
        return loss.item()

    def fit(self):
        for epoch in range(EPOCHS):
            losses = [self.one_batch(xb, yb) for xb, yb in self.train_dl]
            with torch.no_grad():
                acc = (self.model(self.valid[0]).argmax(1) == self.valid[1]).float().mean().item()
            print(f"{epoch}\t{sum(losses) / len(losses):.4f}\tacc {acc:.4f}")


torch.manual_seed(9)
bunch = load_digits()
x = torch.tensor(StandardScaler().fit_transform(bunch.data), dtype=torch.float32)
y = torch.tensor(bunch.target)
dl = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=64, shuffle=True)
net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.1), nn.Linear(100, 10))
Learner(net, dl, (x[1500:], y[1500:]), max_lr=0.1).fit()
