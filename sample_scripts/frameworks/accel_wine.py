import torch
from accelerate import Accelerator
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
wine = load_wine()
pairs = list(zip(torch.tensor(wine.data).float(), torch.tensor(wine.target)))
loader = DataLoader(pairs, batch_size=16, shuffle=True)

net = nn.Sequential(
    nn.Linear(13, 32),
    nn.Tanh(),
    nn.Linear(32, 3),
)
opt = torch.optim.SGD(net.parameters(), lr=0.05)
ce = nn.CrossEntropyLoss()

acc = Accelerator(cpu=True)
net, opt, loader = acc.prepare(net, opt, loader)

for epoch in range(40):
    seen = right = 0
    for x, y in loader:
        opt.zero_grad()
        out = net(x)
        loss = ce(out, y)
        acc.backward(loss)
        opt.step()
        right += (out.argmax(1) == y).sum().item()
        seen += len(y)
    if epoch % 10 == 9:
        print(epoch + 1, right / seen)
