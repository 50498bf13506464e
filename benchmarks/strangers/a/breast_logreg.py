# logistic regression by hand
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, random_state=1, stratify=y)
m, s = Xtr.mean(0), Xtr.std(0)
Xtr = torch.tensor((Xtr - m) / s)
Xte = torch.tensor((Xte - m) / s)
ytr, yte = torch.tensor(ytr).double(), torch.tensor(yte).double()

w = torch.zeros(30, dtype=torch.float64, requires_grad=True)
b = torch.zeros((), dtype=torch.float64, requires_grad=True)
opt = torch.optim.SGD([w, b], lr=1.0)

for it in range(1500):
    z = Xtr @ w + b
    nll = torch.nn.functional.softplus(-(2 * ytr - 1) * z).mean()
    loss = nll + 2e-3 * (w ** 2).sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 300 == 0:
        print(it, loss.item())

with torch.no_grad():
    acc = (((Xte @ w + b) > 0).double() == yte).double().mean()
print("held-out accuracy %.4f" % acc.item())
