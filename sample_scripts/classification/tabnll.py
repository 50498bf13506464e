import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

torch.manual_seed(6)
X, y = load_wine(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y)
perm = torch.randperm(len(X))
tr, te = perm[:130], perm[130:]

net = nn.Sequential(nn.Linear(13, 20), nn.ReLU(), nn.Linear(20, 3))
loss_function = nn.NLLLoss()
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3)

for step in range(300):
    opt.zero_grad()
    out = net(X[tr])
    loss = loss_function(out, y[tr])
    loss.backward()
    opt.step()
    if step % 50 == 49:
        with torch.no_grad():
            ce = nn.functional.cross_entropy(net(X[te]), y[te])
        print(f"step {step + 1}, objective {loss.item():.3f}, test nll {ce:.4f}")
