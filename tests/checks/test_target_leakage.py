"""target-leakage: a feature that is the label is advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, silent

NAME = "target-leakage"

MODEL = """
{data}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")


def test_label_among_the_features_is_advice(tmp_path: Path) -> None:
    found = advised(tmp_path, DATA + MODEL.format(data="X[:, 4] = two * 2.0 - 1") + LOSS, NAME)
    assert "feature 4" in found.title


HEALTHY = {"repaired": MODEL.format(data="") + LOSS}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
