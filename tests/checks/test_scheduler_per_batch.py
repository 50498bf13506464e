"""scheduler-per-batch: an epoch schedule that runs through is named, schedules per batch are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "scheduler-per-batch"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
{more}
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
SGD = "SGD(model.parameters(), lr=0.1, momentum=0.9)"
STEPPED = LOSS + "    scheduler.step()  # here\n"
NAMES = "scheduler = torch.optim.lr_scheduler."


def test_schedule_that_runs_through_is_named(tmp_path: Path) -> None:
    found = fault(
        tmp_path, DATA + MODEL.format(optimizer=SGD, more=NAMES + "StepLR(optimizer, 3, 0.5)") + STEPPED, NAME
    )
    assert found.proof is not None


HEALTHY = {
    "repaired": MODEL.format(optimizer=SGD, more=NAMES + "StepLR(optimizer, 60, 0.5)") + STEPPED,
    "OneCycle (H38)": MODEL.format(optimizer=SGD, more=NAMES + "OneCycleLR(optimizer, 0.2, total_steps=200)") + STEPPED,
    "cosine": MODEL.format(optimizer=SGD, more=NAMES + "CosineAnnealingLR(optimizer, 120)") + STEPPED,
    "slow decay": MODEL.format(optimizer=SGD, more=NAMES + "ExponentialLR(optimizer, 0.995)") + STEPPED,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
