"""rnn-batch-first: a batch that is read as time is named, both right layouts are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "rnn-batch-first"

NET = """
S = torch.randn(600, 12, 3)
label = (S[:, :, 0].sum(1) > 0).long()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 24{first})  # here
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        h, _ = self.rnn({x})
        return self.out(h[{last}])


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(100):
    i = torch.randint(0, 600, ({size},))
    loss = F.cross_entropy(model(S[i]), label[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_batch_read_as_time_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + NET.format(first="", x="x", last=":, -1", size=48), NAME)


EACH = """
S = torch.randn({many}).cumsum({time}) / 3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24)  # here
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(120):
    i = torch.randint(0, 600, (48,))
    x = S{picked}
    loss = F.mse_loss(model(x), x.cumsum({time}) / 4)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_batch_read_as_time_is_named_where_each_step_has_a_target(tmp_path: Path) -> None:
    fault(tmp_path, DATA + EACH.format(many="600, 12, 1", time=1, picked="[i]"), NAME, steps=120)


HEALTHY = {
    "time first, a target for each step": EACH.format(many="12, 600, 1", time=0, picked="[:, i]"),
    "repaired": NET.format(first=", batch_first=True", x="x", last=":, -1", size=48),
    "time first": NET.format(first="", x="x.transpose(0, 1)", last="-1", size=48),
    "as many samples as steps": NET.format(first=", batch_first=True", x="x", last=":, -1", size=12),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
