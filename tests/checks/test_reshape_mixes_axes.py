"""reshape-mixes-axes: a view in place of a transpose is named at its line, a transpose is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "reshape-mixes-axes"

READER = """
rows = torch.randn(400, 6, 5)
label = (rows[:, :, 0].sum(1) > 0).long()


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(5, 24)
        self.head = nn.Linear(24, 2)

    def forward(self, x):
        x = {moved}{mark}
        return self.head(self.rnn(x)[0][-1])


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(200):
    i = batch(step)
    loss = F.cross_entropy(model(rows[i]), label[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
TAGGER = """
signal = torch.randn(400, 6, 5)
tags = (signal[:, :, 0] > 0).long()
rnn, head = nn.GRU(5, 24), nn.Linear(24, 2)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
for step in range(200):
    i = batch(step)
    out = head(rnn(signal[i].transpose(0, 1))[0])
    out = out{moved}.reshape(-1, 2){mark}
    loss = F.cross_entropy(out, tags[i].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_view_in_place_of_a_transpose_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + READER.format(moved="x.view(6, -1, 5)", mark="  # here"), NAME, steps=150)


STACKED = READER.replace("self.head(self.rnn(x)[0][-1])", "self.head({merged}){mark}").replace("{moved}{mark}", "x")
STACKED = STACKED.replace("nn.Linear(24, 2)", "nn.Linear(24 * 6, 2)")
TIME_FIRST = "self.rnn(x.transpose(0, 1))[0]"


def test_samples_on_the_second_axis_that_are_merged_are_named(tmp_path: Path) -> None:
    script = STACKED.format(merged=f"{TIME_FIRST}.reshape(len(x), -1)", mark="  # here")
    found = fault(tmp_path, DATA + script, NAME, steps=150)
    assert found.fix.verified


def test_samples_moved_before_merging_are_left_in_peace(tmp_path: Path) -> None:
    script = STACKED.format(merged=f"{TIME_FIRST}.transpose(0, 1).reshape(len(x), -1)", mark="")
    silent(tmp_path, DATA + script, NAME)


def test_moved_data_read_in_their_shape_before_are_named(tmp_path: Path) -> None:
    there = "x.transpose(0, 1).reshape(x.shape)"
    reader = READER.format(moved=there, mark="  # here").replace("nn.GRU(5, 24)", "nn.GRU(5, 24, batch_first=True)")
    fault(tmp_path, DATA + reader.replace("[0][-1])", "[0][:, -1])"), NAME, steps=150)


def test_outputs_flattened_in_another_order_than_targets_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + TAGGER.format(moved="", mark="  # here"), NAME, steps=150)


COLUMNS = """
table = torch.randn(10, 400)
label = (table[0] > 0).long()


class Columns(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward(self, x):
        x = x{moved}{mark}
        return self.layers(x)


model = Columns()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(200):
    i = batch(step)
    loss = F.cross_entropy(model(table[:, i]), label[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_a_table_of_columns_that_is_viewed_as_rows_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + COLUMNS.format(moved=".reshape(-1, 10)", mark="  # here"), NAME, steps=150)


HEALTHY = {
    "a table that is transposed": COLUMNS.format(moved=".t()", mark=""),
    "transposed": READER.format(moved="x.transpose(0, 1)", mark=""),
    "flattened alike": TAGGER.format(moved=".transpose(0, 1)", mark=""),
    "same order": READER.format(moved="x.view(len(x), 6, 5).transpose(0, 1)", mark=""),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
