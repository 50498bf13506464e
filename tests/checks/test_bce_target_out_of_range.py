"""bce-target-out-of-range: masks of 0 and 255 and labels of -1 and 1 are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "bce-target-out-of-range"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
LOSS = "F.binary_cross_entropy_with_logits(model(X[i])[:, 0], {target}){mark}"


@pytest.mark.parametrize("target", ["two[i] * 255.0", "two[i] * 2.0 - 1", "two[i] + 1.0"])
def test_target_outside_of_the_unit_interval_is_named(tmp_path: Path, target: str) -> None:
    fault(tmp_path, DATA + MODEL + LOOP.format(loss=LOSS.format(target=target, mark="  # here")), NAME)


HEALTHY = {
    "repaired": MODEL + LOOP.format(loss=LOSS.format(target="two[i].float()", mark="")),
    "smoothed": MODEL + LOOP.format(loss=LOSS.format(target="two[i] * 0.9 + 0.05", mark="")),
    "hinge with signs": MODEL + LOOP.format(loss="torch.relu(1 - model(X[i])[:, 0] * (two[i] * 2.0 - 1)).mean()"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
