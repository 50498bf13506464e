import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(7)


class Compose:
    def __init__(self, fns):
        self.fns = fns

    def __call__(self, x):
        for f in self.fns:
            x = f(x)
        return x


class ToTensor:
    """HxW array -> 1xHxW float tensor in [0, 1]."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, img):
        return torch.from_numpy(np.asarray(img, dtype=np.float32)).unsqueeze(0) / self.scale


class RandomShift:
    def __init__(self, pad=1):
        self.pad = pad

    def __call__(self, img):
        p = self.pad
        img = F.pad(img, (p, p, p, p))
        r, c = torch.randint(0, 2 * p + 1, (2,)).tolist()
        return img[:, r:r + 8, c:c + 8]


class DigitImages(Dataset):
    def __init__(self, images, labels, transform):
        self.images = images / 16.0
        self.labels = labels
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(self.images[i]), int(self.labels[i])


class SmallCNN(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, n_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


d = load_digits()
tr_x, va_x, tr_y, va_y = train_test_split(d.images, d.target, test_size=0.25, random_state=1, stratify=d.target)
train_tf = Compose([ToTensor(255.0), RandomShift(1)])
valid_tf = Compose([ToTensor(255.0)])
train_dl = DataLoader(DigitImages(tr_x, tr_y, train_tf), batch_size=32, shuffle=True)
valid_dl = DataLoader(DigitImages(va_x, va_y, valid_tf), batch_size=128)

model = SmallCNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for epoch in range(1, 11):
    model.train()
    tot = 0.0
    for x, y in train_dl:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        tot += loss.item()
    model.eval()
    ok = 0
    with torch.no_grad():
        for x, y in valid_dl:
            ok += (model(x).argmax(-1) == y).sum().item()
    print("epoch %2d | train loss %.4f | valid acc %.4f" % (epoch, tot / len(train_dl), ok / len(va_y)))
