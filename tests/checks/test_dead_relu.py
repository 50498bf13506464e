"""dead-relu: units that are dead from the start are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "dead-relu"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.{act}(), nn.Linear(32, 32), nn.{act}(), nn.Linear(32, 3))
{init}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")


def test_units_dead_from_the_start_are_named(tmp_path: Path) -> None:
    init = "nn.init.constant_(model[0].bias, -10.0)  # here"
    fault(tmp_path, DATA + MODEL.format(act="ReLU", init=init) + LOSS, NAME)


HEALTHY = {
    "repaired": MODEL.format(act="ReLU", init="") + LOSS,
    "half of the values 0 is normal": MODEL.format(act="ReLU", init="nn.init.constant_(model[0].bias, -0.3)") + LOSS,
    "LeakyReLU": MODEL.format(act="LeakyReLU", init="") + LOSS,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
