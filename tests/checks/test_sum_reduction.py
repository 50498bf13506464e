"""sum-reduction: named where lr does not make up for it, silent where it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "sum-reduction"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
"""
SUM = "nn.CrossEntropyLoss(reduction='sum')(model(X[i]), three[i]){mark}"


def test_sum_with_the_rate_of_a_mean_is_named(tmp_path: Path) -> None:
    script = MODEL.format(optimizer="SGD(model.parameters(), lr=0.3)") + LOOP.format(loss=SUM.format(mark="  # here"))
    found = fault(tmp_path, DATA + script, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline
    assert "lr-too-high" not in found.fix.text


HEALTHY = {
    "repaired": MODEL.format(optimizer="SGD(model.parameters(), lr=0.3)")
    + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "small rate to match (H44)": MODEL.format(optimizer="SGD(model.parameters(), lr=0.003)")
    + LOOP.format(loss=SUM.format(mark="")),
    "Adam": MODEL.format(optimizer="Adam(model.parameters(), lr=0.01)") + LOOP.format(loss=SUM.format(mark="")),
    "sum divided by the batch": MODEL.format(optimizer="SGD(model.parameters(), lr=0.3)")
    + LOOP.format(loss=SUM.format(mark="") + " / len(i)"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
