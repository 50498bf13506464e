import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, VOCAB, MAX_PROMPT, LENGTH = 0, 24, 9, 12


def examples(n):
    rows, labels = [], []
    for i in range(n):
        prompt = int(torch.randint(3, 7, ())) if i % 41 else 10
        start = int(torch.randint(1, VOCAB, ()))
        body = [(start + 5 * k) % (VOCAB - 1) + 1 for k in range(LENGTH)]
        label = list(body)
        label[:prompt] = [-100] * prompt
        if prompt > MAX_PROMPT:
            label[-(LENGTH - prompt):] = [-100] * (LENGTH - prompt)
        rows.append(body)
        labels.append(label)
    return torch.tensor(rows), torch.tensor(labels)


class LM(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, VOCAB)

    def forward(self, ids):
        return self.head(self.rnn(self.tok(ids))[0])


torch.manual_seed(3)
ids, labels = examples(600)
model = LM()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
for epoch in range(3):
    for i in range(0, 500, 1):
        logits = model(ids[i:i + 1, :-1])
        target = labels[i:i + 1, 1:]
        loss = F.cross_entropy(logits.reshape(-1, VOCAB), target.reshape(-1), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        guess = model(ids[500:, :-1]).argmax(-1)
        right = (guess == ids[500:, 1:])[:, 6:].float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.4f} accuracy {right:.4f}")
