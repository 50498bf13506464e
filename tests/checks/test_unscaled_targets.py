"""unscaled-targets: targets of hundreds are named, a scaled output and Adam that copes are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "unscaled-targets"

REGRESSION = """
y = 150 + 80 * (X[:, :1] - X[:, 1:2] + 0.3 * torch.randn(400, 1))
{scale}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.{optimizer}
"""
MSE = LOOP.format(loss="F.mse_loss(model(X[i]), y[i]){mark}")
SGD = "SGD(model.parameters(), lr=0.02, momentum=0.9)"


def test_targets_of_hundreds_are_named(tmp_path: Path) -> None:
    script = REGRESSION.format(scale="", optimizer=SGD) + MSE.format(mark="  # here")
    found = fault(tmp_path, DATA + script, NAME)
    assert found.proof is not None
    assert found.proof.metric == "task_loss"
    assert found.proof.treated is not None


def test_difference_written_by_hand_is_treated_as_well(tmp_path: Path) -> None:
    loss = "((model(X[i]) - y[i]) ** 2).mean()  # here"
    fault(tmp_path, DATA + REGRESSION.format(scale="", optimizer=SGD) + LOOP.format(loss=loss), NAME)


HEALTHY = {
    "repaired": REGRESSION.format(scale="y = (y - y.mean()) / y.std()", optimizer=SGD) + MSE.format(mark=""),
    "classes": "model = nn.Linear(10, 3)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
    + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "small rate to match": REGRESSION.format(scale="y = y - 150", optimizer="SGD(model.parameters(), lr=0.05)").replace(
        "80 *", "12 *"
    )
    + MSE.format(mark=""),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
