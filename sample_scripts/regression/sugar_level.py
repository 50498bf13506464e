import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
d = load_diabetes(scaled=False)
X = torch.tensor(d.data, dtype=torch.float32)
y = torch.tensor(d.target, dtype=torch.float32)
y = (y - y.mean()) / y.std()

w1 = torch.nn.Linear(10, 20)
w2 = torch.nn.Linear(20, 1)
params = list(w1.parameters()) + list(w2.parameters())
opt = torch.optim.SGD(params, lr=0.02)


def predict(inputs):
    return w2(F.elu(w1(inputs)))[:, 0]


step = 0
while step < 500:
    rows = torch.randperm(442)[:34]
    loss = F.mse_loss(predict(X[rows]), y[rows])
    loss.backward()
    opt.step()
    step += 1
    if step % 100 == 0:
        print("step", step, "loss", loss.item())

print("mse", F.mse_loss(predict(X), y).item())
