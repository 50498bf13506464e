"""missing-nonlinearity: linear layers in a row are named where a ReLU helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "missing-nonlinearity"

MODEL = """
y = {rule}
model = nn.Sequential(nn.Linear(10, 32), {act}nn.Linear(32, 32), {act}nn.Linear(32, 2))  # here
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), y[i])")
CROSS = "(X[:, 0] * X[:, 1] > 0).long()"


def test_layers_with_nothing_between_them_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + MODEL.format(rule=CROSS, act="") + LOSS, NAME, steps=100)


HEALTHY = {
    "repaired": MODEL.format(rule=CROSS, act="nn.ReLU(), ") + LOSS,
    "data that a line divides": MODEL.format(rule="two", act="") + LOSS,
    "one layer": "model = nn.Linear(10, 2)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
    + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
