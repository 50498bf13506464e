import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def make_data():
    x = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
    brightness = 0.2 + 0.8 * torch.rand(len(x), 1, 1, 1, generator=torch.Generator().manual_seed(0))
    return x * brightness


class Inpaint(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 1, 3, padding=1),
        )

    def forward(self, image, mask):
        return self.net(torch.cat([image * (1 - mask), mask], 1))


torch.manual_seed(0)
data = make_data()
mask = torch.zeros(1, 1, 8, 8)
mask[:, :, 3:5, 3:5] = 1
loader = DataLoader(TensorDataset(data[:1500]), batch_size=50, shuffle=True)
model = Inpaint()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
test_images = data[1500:1580]
for epoch in range(6):
    for (x,) in loader:
        optimizer.zero_grad()
        loss = ((model(x, mask.expand(len(x), -1, -1, -1)) - x) ** 2).mean()
        loss.backward()
        optimizer.step()
    errors = []
    with torch.no_grad():
        for image in test_images:
            errors.append(((model(image[None], mask) - image[None]) ** 2).mean().item())
    print(f"epoch {epoch} train {loss.item():.5f} test mse {sum(errors) / len(errors):.5f}")
