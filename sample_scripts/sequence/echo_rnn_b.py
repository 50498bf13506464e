import torch
import torch.nn as nn


class Echo(nn.Module):
    def __init__(self, n_tokens, width):
        super().__init__()
        self.emb = nn.Embedding(n_tokens, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, n_tokens)

    def forward(self, seq):
        h, _ = self.rnn(self.emb(seq))
        return self.head(h)


def batch(size, length, n_tokens, gen):
    seq = torch.randint(0, n_tokens, (size, length), generator=gen)
    target = torch.roll(seq, 1, dims=1)
    target[:, 0] = 0
    return seq, target


torch.manual_seed(0)
gen = torch.Generator().manual_seed(5)
model = Echo(6, 32)
optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for step in range(250):
    seq, target = batch(32, 8, 6, gen)
    logits = model(seq)
    loss = criterion(logits.reshape(-1, 6), target.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")
seq, target = batch(200, 8, 6, gen)
with torch.no_grad():
    print("token accuracy", (model(seq).argmax(-1) == target).float().mean().item())
