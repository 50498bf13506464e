import torch
from torch import nn

torch.manual_seed(0)
text = (
    "the cat sat on the mat and the dog sat on the rug while the cat and the dog slept in the sun "
    "a bird sang in the tree and the tree stood in the garden near the house of the old man and his dog "
) * 6
words = text.split()
vocab = sorted(set(words))
index = {w: i for i, w in enumerate(vocab)}
ids = [index[w] for w in words]
pairs = torch.tensor([(ids[i], ids[j]) for i in range(len(ids)) for j in range(max(0, i - 2), min(len(ids), i + 3)) if i != j])


class SkipGram(nn.Module):
    def __init__(self, size, dim=24):
        super().__init__()
        self.centre = nn.Embedding(size, dim)
        self.context = nn.Embedding(size, dim)

    def forward(self, centre, context, noise):
        v = self.centre(centre)
        pos = torch.nn.functional.logsigmoid((v * self.context(context)).sum(1))
        neg = torch.nn.functional.logsigmoid(-(self.context(noise) @ v.unsqueeze(2)).squeeze(2)).sum(1)
        return -(pos + neg).mean()


model = SkipGram(len(vocab))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(8):
    for batch in pairs[torch.randperm(len(pairs))].split(64):
        noise = torch.randint(0, len(vocab), (len(batch), 4))
        loss = model(batch[:, 0], batch[:, 1], noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")
