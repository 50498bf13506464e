"""all-labels-ignored: a batch in which nothing counts is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "all-labels-ignored"

MODEL = """
{data}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i]){mark}")


def test_batch_without_a_label_is_named(tmp_path: Path) -> None:
    script = MODEL.format(data="three[160:192] = -100") + LOSS.format(mark="  # here")
    found = fault(tmp_path, DATA + script, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None


HEALTHY = {
    "repaired": MODEL.format(data="three[160:180] = -100") + LOSS.format(mark=""),
    "own ignore_index": MODEL.format(data="three[three == 0] = -1")
    + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i], ignore_index=-1)"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
