"""attention-mask-inverted: named where tokens are hidden, silent where padding is, at whichever end it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "attention-mask-inverted"
SCRIPT = (
    DATA
    + """
tokens = torch.randint(1, 5, (640, 10))
length = torch.randint(4, 10, (640, 1))
tokens = tokens.masked_fill(torch.arange(10) >= length, 0)
label = ((tokens == 1).sum(1) > (tokens == 2).sum(1)).long()
if {front}:
    tokens = tokens.flip(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 32)
        layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        h = self.encoder(self.embed(x), src_key_padding_mask={mask})  # here
        return self.out(h[:, {read}])


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
for epoch in range(6):
    for i in torch.randperm(640).split(32):
        loss = F.cross_entropy(net(tokens[i]), label[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


def test_mask_that_hides_the_tokens_is_named(tmp_path: Path) -> None:
    found = fault(tmp_path, SCRIPT.format(front=False, mask="x != 0", read=0), NAME, steps=120)
    assert found.proof is not None


@pytest.mark.parametrize("front", [False, True], ids=["padded behind", "padded in front"])
def test_mask_that_hides_the_padding_is_left_in_peace(tmp_path: Path, front: bool) -> None:
    script = SCRIPT.format(front=front, mask="x == 0", read=-1 if front else 0)
    silent(tmp_path, script, NAME, steps=120)
