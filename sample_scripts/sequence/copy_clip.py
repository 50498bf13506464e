import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(4)
VOCAB, N, HIDDEN = 8, 6, 64


class RNNLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, 24)
        self.rnn = nn.LSTM(24, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, VOCAB)

    def forward(self, s):
        y, _ = self.rnn(self.emb(s))
        return self.out(y)


def sequences(b):
    """The second half depends on the first token and its predecessor."""
    s = torch.randint(0, VOCAB, (b, 2 * N))
    for t in range(1, 2 * N):
        s[:, t] = (s[:, t - 1] * 3 + s[:, 0] + (torch.rand(b) < 0.1)) % VOCAB
    return s


net = RNNLM()
opt = torch.optim.SGD(net.parameters(), lr=1.0, momentum=0.9)
for step in range(300):
    s = sequences(48)
    logits = net(s[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, VOCAB), s[:, 1:].reshape(-1))
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")
with torch.no_grad():
    s = sequences(400)
    print(f"final loss {F.cross_entropy(net(s[:, :-1]).transpose(1, 2), s[:, 1:]).item():.4f}")
