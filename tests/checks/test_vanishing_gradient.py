"""vanishing-gradient: a deep stack of sigmoids is named, one of ReLU or with norms is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "vanishing-gradient"

DEEP = """
layers = [nn.Linear(10, 32), nn.{act}()]  # here
for _ in range({depth}):
    layers += [nn.Linear(32, 32), {more}nn.{act}()]
model = nn.Sequential(*layers, nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")


def test_stack_of_sigmoids_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + DEEP.format(act="Sigmoid", depth=4, more="") + LOSS, NAME)


HEALTHY = {
    "repaired": DEEP.format(act="ReLU", depth=2, more="") + LOSS,
    "normalised": DEEP.format(act="ReLU", depth=5, more="nn.BatchNorm1d(32), ") + LOSS,
    "one hidden sigmoid layer": DEEP.format(act="Sigmoid", depth=0, more="") + LOSS,
    "three tanh layers": DEEP.format(act="Tanh", depth=2, more="") + LOSS,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
