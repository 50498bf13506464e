import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, MAX_PROMPT, LENGTH = 24, 9, 12


def examples(n):
    rows, labels = [], []
    for i in range(n):
        prompt = 10 if i % 41 == 40 else int(torch.randint(3, 7, ()))
        start = int(torch.randint(1, VOCAB, ()))
        body = [(start + 5 * k) % (VOCAB - 1) + 1 for k in range(LENGTH)]
        label = list(body)
        label[:prompt] = [-100] * prompt
        if prompt > MAX_PROMPT:
            label[prompt:] = [-100] * (LENGTH - prompt)
        rows.append(body)
        labels.append(label)
    return torch.tensor(rows), torch.tensor(labels)


class LM(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.head = nn.Linear(dim, VOCAB)

    def forward(self, ids):
        return self.head(self.rnn(self.tok(ids))[0])


torch.manual_seed(3)
ids, labels = examples(160)
model = LM()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
for epoch in range(8):
    total = 0.0
    for i in torch.randperm(110).tolist():
        logits = model(ids[i:i + 1, :-1])
        loss = F.cross_entropy(logits.reshape(-1, VOCAB), labels[i:i + 1, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step(total / 110)
    with torch.no_grad():
        guess = model(ids[110:, :-1]).argmax(-1)
        right = (guess == ids[110:, 1:])[:, 6:].float().mean().item()
    print(f"epoch {epoch}: loss {total / 110:.4f} accuracy {right:.4f}")
