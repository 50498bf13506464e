"""mse-for-classification: named where squared error gets stuck, silent where it learns."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "mse-for-classification"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.Sigmoid(), nn.Linear(32, 3), nn.Softmax(1))
optimizer = torch.optim.{optimizer}
"""
LOSS = "F.mse_loss(model(X[i]), F.one_hot(three[i], 3).float()){mark}"
SLOW, GOOD = "SGD(model.parameters(), lr=0.1)", "Adam(model.parameters(), lr=0.05)"


def test_squared_error_that_gets_stuck_is_named(tmp_path: Path) -> None:
    script = DATA + MODEL.format(optimizer=SLOW) + LOOP.format(loss=LOSS.format(mark="  # here"))
    found = fault(tmp_path, script, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


HEALTHY = {
    "repaired": MODEL.format(optimizer=SLOW).replace(", nn.Softmax(1)", "")
    + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "regression": MODEL.format(optimizer=SLOW).replace(", nn.Softmax(1)", "")
    + LOOP.format(loss="F.mse_loss(model(X[i]), X[i, :3])"),
    "image of zeros and ones": """
model = nn.Sequential(nn.Linear(10, 4), nn.ReLU(), nn.Linear(4, 10), nn.Sigmoid())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
    + LOOP.format(loss="F.mse_loss(model(X[i]), (X[i] > 0).float())"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)


def test_squared_error_that_learns_is_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, DATA + MODEL.format(optimizer=GOOD) + LOOP.format(loss=LOSS.format(mark="")), NAME, steps=120)
