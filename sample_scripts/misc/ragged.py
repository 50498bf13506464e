import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class Walks(Dataset):
    """Random walks of different lengths; does the walk end above zero?"""

    def __init__(self, n):
        g = torch.Generator().manual_seed(n)
        self.walks = [torch.randn(int(torch.randint(5, 15, (), generator=g)), 1, generator=g) for _ in range(n)]

    def __len__(self):
        return len(self.walks)

    def __getitem__(self, i):
        walk = self.walks[i]
        return walk, (walk.sum() > 0).float()


def pad_walks(batch):
    walks, labels = zip(*batch)
    return nn.utils.rnn.pad_sequence(walks, batch_first=True), torch.stack(labels)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 16, batch_first=True)
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[1][-1]).squeeze(1)


torch.manual_seed(0)
train_loader = DataLoader(Walks(800), batch_size=40, shuffle=True)
test_loader = DataLoader(Walks(200), batch_size=200, collate_fn=pad_walks)
net = Reader()
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(6):
    for x, y in train_loader:
        opt.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(x), y)
        loss.backward()
        opt.step()
    print(epoch, loss.item())
x, y = next(iter(test_loader))
print("accuracy", ((net(x) > 0) == y.bool()).float().mean().item())
