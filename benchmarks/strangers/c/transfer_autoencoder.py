import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_digits


class DigitsDataset(Dataset):
    def __init__(self, part, with_labels):
        d = load_digits()
        n = 1300
        sl = slice(0, n) if part == "train" else slice(n, None)
        self.x = torch.tensor(d.data[sl], dtype=torch.float32) / 16
        self.y = torch.tensor(d.target[sl])
        self.with_labels = with_labels

    def __len__(self):
        return len(self.x)

    def __getitem__(self, idx):
        if self.with_labels:
            return {"pixels": self.x[idx], "label": self.y[idx]}
        return {"pixels": self.x[idx]}


class Backbone(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, dim), nn.ReLU())

    def forward(self, x):
        return self.net(x)


class Net(nn.Module):
    def __init__(self, out_features):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(24, out_features)

    def forward(self, x):
        return self.head(self.backbone(x))


class FineTuner:
    def __init__(self, model, lr):
        self.model = model
        for p in model.backbone.parameters():
            p.requires_grad_(False)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.criterion = nn.CrossEntropyLoss()

    def setup_task(self, n_classes):
        self.model.head = nn.Linear(self.model.head.in_features, n_classes)
        return self

    def step(self, batch):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(batch["pixels"]), batch["label"])
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def accuracy(self, loader):
        self.model.eval()
        ok = tot = 0
        with torch.no_grad():
            for b in loader:
                ok += (self.model(b["pixels"]).argmax(1) == b["label"]).sum().item()
                tot += len(b["label"])
        self.model.train()
        return ok / tot


def pretrain(model, loader, epochs):
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for e in range(epochs):
        s = 0.0
        for b in loader:
            rec = torch.sigmoid(model(b["pixels"]))
            loss = nn.functional.mse_loss(rec, b["pixels"])
            opt.zero_grad()
            loss.backward()
            opt.step()
            s += loss.item()
        print(f"pretrain epoch {e} recon {s / len(loader):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Net(64)
    pretrain(model, DataLoader(DigitsDataset("train", False), 64, shuffle=True), 25)

    tuner = FineTuner(model, lr=1e-2)
    tuner.setup_task(n_classes=10)
    train_loader = DataLoader(DigitsDataset("train", True), 64, shuffle=True)
    test_loader = DataLoader(DigitsDataset("test", True), 256)
    for epoch in range(8):
        losses = [tuner.step(b) for b in train_loader]
        print(f"finetune epoch {epoch} loss {sum(losses) / len(losses):.4f} acc {tuner.accuracy(test_loader):.4f}")
