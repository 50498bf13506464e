"""target-leakage of sequences: named where an output sees its answer, silent where it cannot or is meant to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "target-leakage"
TOKENS = (
    DATA
    + """
step_of = torch.tensor([[1, 4, 2, 6, 3, 0, 5], [3, 0, 6, 5, 1, 2, 4]])


def sample(size=32, length=12):
    tokens = [torch.randint(0, 7, (size,))]
    for _ in range(length):
        tokens.append(step_of[torch.randint(0, 2, (size,)), tokens[-1]])
    return torch.stack(tokens, 1)


class Attention(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.causal = causal
        self.embed, self.place = nn.Embedding(7, 32), nn.Embedding(16, 32)
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
        self.out = nn.Linear(32, 7)

    def forward(self, x):
        length = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length) if self.causal else None
        return self.out(self.layer(self.embed(x) + self.place(torch.arange(length)), src_mask=mask))


class Recurrent(nn.Module):
    def __init__(self, both):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(7, 32), nn.LSTM(32, 32, batch_first=True, bidirectional=both)
        self.out = nn.Linear(64 if both else 32, 7)

    def forward(self, x):
        return self.out(self.lstm(self.embed(x))[0])


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(8, 32)
        self.read, self.write, self.out = nn.GRU(32, 32), nn.GRU(32, 32), nn.Linear(32, 7)

    def forward(self, source, given):
        _, state = self.read(self.embed(source).transpose(0, 1))
        return self.out(self.write(self.embed(given).transpose(0, 1), state)[0]).transpose(0, 1)
"""
)
LOOP = """
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
for step in range(80):
    x = sample()
    {loss}  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
NEXT = "loss = F.cross_entropy(model(x[:, :-1]).reshape(-1, 7), x[:, 1:].reshape(-1))"
WHOLE = "loss = F.cross_entropy(model(x)[:, :-1].flatten(0, 1), x[:, 1:].flatten())"
LEAKS = {
    "no causal mask": ("Attention(causal=False)", NEXT),
    "outputs cut afterwards": ("Attention(causal=False)", WHOLE),
    "both directions": ("Recurrent(both=True)", NEXT),
    "decoder input not shifted": (
        "Decoder()",
        "loss = F.cross_entropy(model(x.flip(1), x).flatten(0, 1), x.flatten())",
    ),
}
SOUND = {
    "causal mask": ("Attention(causal=True)", NEXT),
    "outputs cut afterwards": ("Attention(causal=True)", WHOLE),
    "one direction": ("Recurrent(both=False)", NEXT),
    "decoder input shifted": (
        "Decoder()",
        "loss = F.cross_entropy(model(x.flip(1), F.pad(x, (1, 0), value=7)[:, :-1]).flatten(0, 1), x.flatten())",
    ),
    "autoencoder": ("Recurrent(both=True)", "loss = F.cross_entropy(model(x).flatten(0, 1), x.flatten())"),
    "masked tokens": (
        "Attention(causal=False)",
        "hidden = torch.rand(x.shape) < 0.2; loss = F.cross_entropy("
        "model(x.masked_fill(hidden, 0)).flatten(0, 1), x.masked_fill(~hidden, -100).flatten())",
    ),
}


@pytest.mark.parametrize("kind", LEAKS)
def test_model_that_sees_the_answers_is_named(tmp_path: Path, kind: str) -> None:
    model, loss = LEAKS[kind]
    found = fault(tmp_path, TOKENS + f"\nmodel = {model}\n" + LOOP.format(loss=loss), NAME)
    assert [e.signal for e in found.evidence] == ["targets_in_input", "look_ahead"]


@pytest.mark.parametrize("kind", SOUND)
def test_model_that_cannot_see_them_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    model, loss = SOUND[kind]
    silent(tmp_path, TOKENS + f"\nmodel = {model}\n" + LOOP.format(loss=loss), NAME)
