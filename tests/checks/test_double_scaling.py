"""double-scaling: inputs below 1/255 are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "double-scaling"

MODEL = """
X = torch.rand(400, 10)
three = torch.bucketize(X[:, :3].sum(1), torch.tensor([1.3, 1.7]))
{data}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i]){mark}")


def test_second_division_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + MODEL.format(data="X = X / 255") + LOSS.format(mark="  # here"), NAME)


HEALTHY = {
    "repaired": MODEL.format(data="") + LOSS.format(mark=""),
    "BatchNorm first (H26)": MODEL.format(data="X = X / 255").replace(
        "(nn.Linear(10", "(nn.BatchNorm1d(10), nn.Linear(10"
    )
    + LOSS.format(mark=""),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
