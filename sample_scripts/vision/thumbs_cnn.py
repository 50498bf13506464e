import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, Subset


def to_tensor(image):
    """uint8 picture to floats between 0 and 1."""
    return torch.tensor(image, dtype=torch.float32).unsqueeze(0) / 255


class Thumbnails(Dataset):
    def __init__(self):
        raw = load_digits()
        self.images = (raw.images * 15.9375).astype("uint8")
        self.labels = raw.target

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = to_tensor(self.images[index])
        return image, int(self.labels[index])


class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


torch.manual_seed(19)
data = Thumbnails()
order = torch.randperm(len(data)).tolist()
train = DataLoader(Subset(data, order[:1400]), batch_size=32, shuffle=True)
test = DataLoader(Subset(data, order[1400:]), batch_size=200)
model = SmallCNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(5):
    model.train()
    for images, labels in train:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in test:
            correct += (model(images).argmax(1) == labels).sum().item()
    print(f"epoch {epoch} loss {loss.item():.4f} accuracy {correct / len(test.dataset):.4f}")
