import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Strips(Dataset):
    """One-dimensional signals with a class for each of 20 positions."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, 4, (n, 5), generator=g).repeat_interleave(4, dim=1)
        self.signal = self.labels.float() - 1.5 + 0.4 * torch.randn(n, 20, generator=g)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.signal[index], self.labels[index]


class Segmenter(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.classes = classes
        self.lift = nn.Linear(1, 32)
        self.mix = nn.LSTM(32, 32, batch_first=True)
        self.score = nn.Linear(32, classes)

    def forward(self, x):
        h, _ = self.mix(torch.relu(self.lift(x.unsqueeze(-1))))
        scores = self.score(h)
        return scores.transpose(1, 2)


torch.manual_seed(0)
loader = DataLoader(Strips(1000, 1), batch_size=25, shuffle=True)
held_out = DataLoader(Strips(300, 2), batch_size=100)
net = Segmenter()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
for epoch in range(5):
    for signal, labels in loader:
        loss = criterion(net(signal), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    hits = total = 0
    with torch.no_grad():
        for signal, labels in held_out:
            hits += (net(signal).argmax(1) == labels).sum().item()
            total += labels.numel()
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {hits / total:.3f}")
