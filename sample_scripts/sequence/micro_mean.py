"""Which symbol occurs most often? A small transformer, eight micro-batches a step."""
import torch
from torch import nn

VOCAB, LENGTH, WIDTH = 6, 12, 32
ACCUMULATE = 8
torch.manual_seed(11)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 64, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCAB)

    def forward(self, ids):
        return self.head(self.blocks(self.tokens(ids)).mean(1))


def sample(n):
    ids = torch.randint(0, VOCAB, (n, LENGTH))
    counts = nn.functional.one_hot(ids, VOCAB).sum(1).float()
    return ids, (counts + 0.1 * torch.rand_like(counts)).argmax(1)


model = Encoder()
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
opt.zero_grad()
for i in range(1, 8 * 150 + 1):
    ids, label = sample(8)
    loss = loss_fn(model(ids), label)
    (loss / ACCUMULATE).backward()
    if i % ACCUMULATE == 0:
        opt.step()
        opt.zero_grad()
    if i % 240 == 0:
        print(f"{i // ACCUMULATE} steps, loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    ids, label = sample(1000)
    print(f"accuracy {(model(ids).argmax(-1) == label).float().mean():.3f}")
