"""accumulation-no-divide: undivided gradients are named where they hurt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "accumulation-no-divide"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
{more}
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
SGD = "SGD(model.parameters(), lr=0.1, momentum=0.9)"
ACCUMULATED = """
for step in range(1000):
    i = batch(step)
    loss = F.cross_entropy(model(X[i]), three[i])
    ({loss}).backward()  # here
    if step % 16 == 15:
        optimizer.step()
        optimizer.zero_grad()
"""
LARGE = "SGD(model.parameters(), lr=0.7, momentum=0.9)"


def test_undivided_gradients_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + MODEL.format(optimizer=LARGE, more="") + ACCUMULATED.format(loss="loss"), NAME, steps=60)


HEALTHY = {
    "repaired (H01)": MODEL.format(optimizer=LARGE, more="") + ACCUMULATED.format(loss="loss / 16"),
    "small rate to match": MODEL.format(optimizer="SGD(model.parameters(), lr=0.02)", more="")
    + ACCUMULATED.format(loss="loss"),
    "Adam": MODEL.format(optimizer="Adam(model.parameters(), lr=0.01)", more="") + ACCUMULATED.format(loss="loss"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=50)
