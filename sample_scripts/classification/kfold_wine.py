import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn, optim

X, y = load_wine(return_X_y=True)
scores = []
for fold, (tr, te) in enumerate(StratifiedKFold(4, shuffle=True, random_state=0).split(X, y)):
    torch.manual_seed(fold)
    scaler = StandardScaler().fit(X[tr])
    xtr = torch.tensor(scaler.transform(X[tr]), dtype=torch.float32)
    xte = torch.tensor(scaler.transform(X[te]), dtype=torch.float32)
    ytr = torch.tensor(y[tr])
    model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(25):
        for rows in torch.randperm(len(xtr)).split(16):
            optimizer.zero_grad()
            loss = criterion(model(xtr[rows]), ytr[rows])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        acc = (model(xte).argmax(1).numpy() == y[te]).mean()
    scores.append(acc)
    print(f"fold {fold}: loss {loss.item():.4f} accuracy {acc:.3f}")
print(f"mean accuracy {np.mean(scores):.3f}")
