"""dampening-with-momentum: dampening beside momentum is advice, and a fault where the lost rate is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, fault, silent

NAME = "dampening-with-momentum"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
{more}
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
SGD = "SGD(model.parameters(), lr=0.1, momentum=0.9)"


def test_dampening_is_advice(tmp_path: Path) -> None:
    damped = SGD.replace("momentum=0.9", "momentum=0.9, dampening=0.5")
    advised(tmp_path, DATA + MODEL.format(optimizer=damped, more="") + LOSS, NAME)


def test_dampening_that_leaves_too_little_is_named(tmp_path: Path) -> None:
    damped = SGD.replace("lr=0.1, momentum=0.9", "lr=0.03, momentum=0.98, dampening=0.98") + "  # here"
    fault(tmp_path, DATA + MODEL.format(optimizer=damped, more="") + LOSS, NAME, steps=120)


HEALTHY = {
    "repaired": MODEL.format(optimizer=SGD, more="") + LOSS,
    "Nesterov": MODEL.format(optimizer=SGD.replace("0.9)", "0.9, nesterov=True)"), more="") + LOSS,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
