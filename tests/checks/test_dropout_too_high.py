"""dropout-too-high: named where nearly nothing is left, and usual rates are left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "dropout-too-high"
MODEL = """
drop = nn.Dropout({rate}){mark}
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), drop, nn.Linear(64, 64), nn.ReLU(), drop, nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
"""
TRAIN = LOOP.replace("120", "200").format(loss="F.cross_entropy(model(X[i]), three[i])")


def test_rate_that_was_meant_to_be_kept_is_named_and_mended(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + MODEL.format(rate=0.95, mark="  # here") + TRAIN, NAME, steps=200)
    assert found.fix.verified
    assert "nn.Dropout(0.5)" in (found.fix.diff or "")


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.7])
def test_usual_rate_is_left_in_peace(tmp_path: Path, rate: float) -> None:
    silent(tmp_path, DATA + MODEL.format(rate=rate, mark="") + TRAIN, NAME, steps=200)
