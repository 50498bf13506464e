import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(6)
signal = torch.randn(3000, 10)
energy = signal[:, :5].pow(2).sum(1) - signal[:, 5:].pow(2).sum(1)
fires = (energy > 2.0).float()


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


weights = torch.where(fires[:2400] > 0, 1 / fires[:2400].sum(), 1 / (1 - fires[:2400]).sum())
sampler = WeightedRandomSampler(weights, 2400)
loader = DataLoader(TensorDataset(signal[:2400], fires[:2400]), batch_size=60, sampler=sampler)
detector = Detector()
criterion = nn.BCEWithLogitsLoss()
sgd = torch.optim.SGD(detector.parameters(), lr=0.1, momentum=0.9)
for epoch in range(5):
    running = 0.0
    for s, f in loader:
        p = detector(s)
        loss = criterion(p, f)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        running += loss.item()
    detector.eval()
    with torch.no_grad():
        p = detector(signal[2400:])
        held = criterion(p, fires[2400:]).item()
    detector.train()
    print(f"{epoch}: train {running / len(loader):.3f} held-out loss {held:.4f}")
