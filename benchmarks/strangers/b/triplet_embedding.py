import time
from collections import defaultdict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

SEED = 21
np.random.seed(SEED)
torch.manual_seed(SEED)


class EmbeddingNet(nn.Module):
    """conv -> conv -> 4-d embedding on the unit sphere"""

    def __init__(self, dim=4):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc = nn.Linear(24 * 2 * 2, dim)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.fc(x.flatten(1))
        return F.normalize(x, dim=1)


class TripletSampler:
    def __init__(self, labels):
        self.by_class = defaultdict(list)
        for i, c in enumerate(labels):
            self.by_class[int(c)].append(i)
        self.classes = sorted(self.by_class)

    def draw(self, n):
        out = []
        for _ in range(n):
            c_pos, c_neg = np.random.choice(self.classes, size=2, replace=False)
            a, p = np.random.choice(self.by_class[c_pos], size=2, replace=False)
            q = np.random.choice(self.by_class[c_neg])
            out.append((a, p, q))
        return np.array(out).T


class TripletLoss(nn.Module):
    def __init__(self, margin=0.5):
        super().__init__()
        self.margin = margin

    def forward(self, anchor, positive, negative):
        sim_pos = F.cosine_similarity(anchor, positive)
        sim_neg = F.cosine_similarity(anchor, negative)
        return F.relu(sim_pos - sim_neg + self.margin).mean()


def embed(net, images):
    net.eval()
    with torch.no_grad():
        return net(images).numpy()


def knn_accuracy(net, x_ref, y_ref, x_query, y_query, k=5):
    knn = KNeighborsClassifier(n_neighbors=k)
    knn.fit(embed(net, x_ref), y_ref)
    return knn.score(embed(net, x_query), y_query)


def main():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0
    labels = digits.target
    order = np.random.permutation(len(labels))
    tr, te = order[:1300], order[1300:]

    net = EmbeddingNet()
    criterion = TripletLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    sampler = TripletSampler(labels[tr])
    x_train, y_train = images[tr], labels[tr]

    start = time.time()
    for it in range(1, 201):
        net.train()
        a, p, q = sampler.draw(32)
        loss = criterion(net(x_train[a]), net(x_train[p]), net(x_train[q]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if it % 50 == 0:
            acc = knn_accuracy(net, x_train, y_train, images[te], labels[te])
            print(f"iter {it:4d}  loss {loss.item():.3f}  knn {acc:.3f}")

    acc = knn_accuracy(net, x_train, y_train, images[te], labels[te])
    print(f"5-NN accuracy in embedding space: {acc:.4f}")


main()
