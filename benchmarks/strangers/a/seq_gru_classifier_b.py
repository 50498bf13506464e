# Classify short symbol sequences by the process that generated them.
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(3)

N_SYM, N_CLS, T = 8, 12, 18

# one random transition matrix per class
trans = torch.softmax(2.5 * torch.randn(N_CLS, N_SYM, N_SYM), dim=-1)


def sample(n):
    y = torch.randint(0, N_CLS, (n,))
    x = torch.zeros(n, T, dtype=torch.long)
    x[:, 0] = torch.randint(0, N_SYM, (n,))
    for t in range(1, T):
        p = trans[y, x[:, t - 1]]
        x[:, t] = torch.multinomial(p, 1).squeeze(1)
    return x, y


class GRUClassifier(nn.Module):
    def __init__(self, emb=16, hidden=48):
        super().__init__()
        self.emb = nn.Embedding(N_SYM, emb)
        self.gru = nn.GRU(emb, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, N_CLS)

    def forward(self, x):
        h, _ = self.gru(self.emb(x))
        pooled = h.mean(dim=1)
        return self.fc(pooled)


xtr, ytr = sample(3000)
xte, yte = sample(1000)

net = GRUClassifier()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
batch = 50

for epoch in range(14):
    net.train()
    order = torch.randperm(len(xtr))
    tot = 0.0
    for i in range(0, len(order), batch):
        idx = order[i:i + batch]
        optimizer.zero_grad()
        probs = net(xtr[idx])
        loss = criterion(probs, ytr[idx])
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        tot += loss.item()
    net.eval()
    with torch.no_grad():
        acc = (net(xte).argmax(1) == yte).float().mean().item()
    print('epoch', epoch, 'train loss', round(tot / (len(xtr) // batch), 4), 'test acc', round(acc, 4))

print('final accuracy', round(acc, 4))
