import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.preprocessing import scale

hparams = dict(lr=0.02, momentum=0.9, weight_decay=0.5, epochs=8, batch=64)

torch.manual_seed(6)
X, Y = load_digits(return_X_y=True)
X = torch.tensor(scale(X), dtype=torch.float32)
Y = torch.tensor(Y)
train = TensorDataset(X[:1400], Y[:1400])
loader = DataLoader(train, batch_size=hparams["batch"], shuffle=True, drop_last=True)

net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
opt = torch.optim.SGD(
    net.parameters(),
    lr=hparams["lr"],
    momentum=hparams["momentum"],
    weight_decay=hparams["weight_decay"],
)
for epoch in range(hparams["epochs"]):
    for bx, by in loader:
        logits = net(bx)
        loss = F.cross_entropy(logits, by)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        test = net(X[1400:])
        print("epoch", epoch, "train", round(loss.item(), 3), "test loss", round(F.cross_entropy(test, Y[1400:]).item(), 3),
              "acc", round((test.argmax(1) == Y[1400:]).float().mean().item(), 3))
