# Majority vote over symbol classes with a tiny transformer.
# Encoder only, with a CLS token, variable length inputs.
import math
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(7)

PAD, CLS = 0, 1
OFFSET = 2
conf = {
    "n_train": 3000,
    "n_test": 600,
    "n_symbols": 8,
    "min_len": 3,
    "max_len": 10,
    "d_model": 32,
    "heads": 4,
    "layers": 2,
    "ff": 64,
    "lr": 2e-3,
    "epochs": 6,
    "batch": 64,
}


class CountDataset(Dataset):
    """label = 1 if more than half of the symbols belong to the upper half of the alphabet"""

    def __init__(self, n, conf):
        self.samples = []
        half = conf["n_symbols"] // 2
        for _ in range(n):
            length = int(torch.randint(conf["min_len"], conf["max_len"], (1,)))
            seq = torch.randint(0, conf["n_symbols"], (length,))
            label = int((seq >= half).float().mean() > 0.5)
            tokens = torch.full((conf["max_len"] + 1,), PAD, dtype=torch.long)
            tokens[0] = CLS
            tokens[1:length + 1] = seq + OFFSET
            self.samples.append((tokens, label))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        return self.samples[i]


class PositionalEncoding(nn.Module):
    def __init__(self, d, max_len=64):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(max_len, d)
        pe[:, 0::2] = torch.sin(pos * div)
        pe[:, 1::2] = torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class Classifier(nn.Module):
    def __init__(self, conf):
        super().__init__()
        d = conf["d_model"]
        self.scale = math.sqrt(d)
        self.embed = nn.Embedding(conf["n_symbols"] + OFFSET, d)
        self.pos = PositionalEncoding(d)
        layer = nn.TransformerEncoderLayer(
            d, conf["heads"], dim_feedforward=conf["ff"], dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, conf["layers"], enable_nested_tensor=False)
        self.head = nn.Linear(d, 2)

    def forward(self, tokens):
        mask = tokens == PAD
        h = self.pos(self.embed(tokens) * self.scale)
        h = self.encoder(h, src_key_padding_mask=mask)
        return self.head(h[:, 0])


def evaluate(model, loader):
    model.eval()
    hits = total = 0
    with torch.no_grad():
        for tokens, label in loader:
            hits += (model(tokens).argmax(dim=1) == label).sum().item()
            total += label.numel()
    return hits / total


train_loader = DataLoader(CountDataset(conf["n_train"], conf), batch_size=conf["batch"], shuffle=True)
test_loader = DataLoader(CountDataset(conf["n_test"], conf), batch_size=200)

model = Classifier(conf)
optimizer = torch.optim.Adam(model.parameters(), lr=conf["lr"])
criterion = nn.CrossEntropyLoss()

for epoch in range(conf["epochs"]):
    model.train()
    total_loss = 0.0
    for tokens, label in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(tokens), label)
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * tokens.size(0)
    print("epoch", epoch, "loss", round(total_loss / conf["n_train"], 4),
          "test acc", round(evaluate(model, test_loader), 4))

print("final test accuracy:", round(evaluate(model, test_loader), 4))
