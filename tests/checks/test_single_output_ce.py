"""single-output-ce: named for one logit, silent for two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "single-output-ce"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, {out}))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
"""


def test_cross_entropy_over_one_class_is_named(tmp_path: Path) -> None:
    loss = "F.cross_entropy(model(X[i]), torch.zeros(32, dtype=torch.long))  # here"
    fault(tmp_path, DATA + MODEL.format(out=1) + LOOP.format(loss=loss), NAME)


HEALTHY = {
    "repaired": MODEL.format(out=1)
    + LOOP.format(loss="F.binary_cross_entropy_with_logits(model(X[i]).squeeze(1), two[i].float())"),
    "two outputs": MODEL.format(out=2) + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
