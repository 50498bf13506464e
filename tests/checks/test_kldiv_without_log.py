"""kldiv-without-log: named where the first operand is no logarithm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "kldiv-without-log"
MODEL = """
soft = F.one_hot(three, 3).float() * 0.9 + 0.1 / 3
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
"""


@pytest.mark.parametrize("out", ["F.softmax(model(X[i]), dim=1)", "model(X[i])"])
def test_operand_that_is_no_logarithm_is_named(tmp_path: Path, out: str) -> None:
    loss = f"F.kl_div({out}, soft[i], reduction='batchmean')  # here"
    found = fault(tmp_path, DATA + MODEL + LOOP.format(loss=loss), NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


HEALTHY = {
    "repaired": MODEL + LOOP.format(loss="F.kl_div(model(X[i]).log_softmax(1), soft[i], reduction='batchmean')"),
    "both in log-space": MODEL
    + LOOP.format(loss="F.kl_div(model(X[i]).log_softmax(1), soft[i].log(), reduction='batchmean', log_target=True)"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
