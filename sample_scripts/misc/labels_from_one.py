import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

wine = load_wine()
X = StandardScaler().fit_transform(wine.data).astype(np.float32)
y = wine.target + 1          # the csv of the lab numbers the cultivars 1, 2, 3

loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), batch_size=32, shuffle=True)
net = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
crit = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

for epoch in range(20):
    for xb, yb in loader:
        opt.zero_grad()
        logits = net(xb)
        loss = crit(logits, yb)
        loss.backward()
        opt.step()
    print(epoch, "loss", loss.item())
