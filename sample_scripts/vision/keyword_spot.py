import torch
from torch.utils.data import DataLoader, TensorDataset

from spectro_nets import KeywordNet, fake_spectrograms


class Executor:
    def __init__(self, model, lr=6e-3):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.step = 0

    def train(self, loader):
        self.model.train()
        for feats, words in loader:
            loss = self.criterion(self.model(feats), words)
            loss.backward()
            self.optimizer.step()
            self.step += 1
            if self.step % 20 == 0:
                print(f"step {self.step} loss {loss.item():.4f}")

    def cv(self, loader):
        self.model.eval()
        hit = total = 0
        with torch.no_grad():
            for feats, words in loader:
                hit += (self.model(feats).argmax(-1) == words).sum().item()
                total += len(words)
        return hit / total


def main():
    torch.manual_seed(777)
    train = DataLoader(TensorDataset(*fake_spectrograms(1200)), batch_size=40, shuffle=True)
    dev = DataLoader(TensorDataset(*fake_spectrograms(400, seed=1)), batch_size=400)
    executor = Executor(KeywordNet())
    for epoch in range(8):
        executor.train(train)
        print(f"epoch {epoch} dev accuracy {executor.cv(dev):.4f}")


if __name__ == "__main__":
    main()
