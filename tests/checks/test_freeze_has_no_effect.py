"""freeze-has-no-effect: advice where an attribute only looks like a freeze."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, silent

NAME = "freeze-has-no-effect"
SCRIPT = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
{lines}
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.3)
""" + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")


@pytest.mark.parametrize(
    "lines", ["model[0].requires_grad = False", "for p in model[0].parameters():\n    p.require_grad = False"]
)
def test_attribute_that_freezes_nothing_is_advice(tmp_path: Path, lines: str) -> None:
    found = advised(tmp_path, DATA + SCRIPT.format(lines=lines), NAME)
    assert found.location is not None
    assert "False" in found.location.code


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "model[0].requires_grad_(False)",
        "for p in model[0].parameters():\n    p.requires_grad = False",
        "model[1].requires_grad = False",
    ],
)
def test_real_freeze_is_left_in_peace(tmp_path: Path, lines: str) -> None:
    silent(tmp_path, DATA + SCRIPT.format(lines=lines), NAME)
