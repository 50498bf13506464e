import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Patches(Dataset):
    """Which photo does a patch come from?"""

    def __init__(self, n=600, size=12):
        rng = np.random.default_rng(0)
        self.items = []
        photos = load_sample_images().images
        for i in range(n):
            photo = photos[i % 2]
            r, c = rng.integers(0, photo.shape[0] - size), rng.integers(0, photo.shape[1] - size)
            self.items.append((photo[r:r + size, c:c + size] / 255.0, i % 2))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        patch, label = self.items[i]
        return torch.tensor(patch, dtype=torch.float32), label


class PatchNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


torch.manual_seed(0)
loader = DataLoader(Patches(), batch_size=30, shuffle=True)
net = PatchNet()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(5):
    right = 0
    for x, y in loader:
        out = net(x)
        loss = nn.functional.cross_entropy(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += (out.argmax(1) == y).sum().item()
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {right / 600:.3f}")
