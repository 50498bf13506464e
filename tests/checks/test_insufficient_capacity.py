"""insufficient-capacity: a layer of one unit is advice where the loss stalls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, silent

NAME = "insufficient-capacity"

MODEL = """
five = torch.bucketize(X[:, :3].sum(1), torch.tensor([-2.0, -0.7, 0.7, 2.0])) * 5 % 7 % 5
model = nn.Sequential(nn.Linear(10, {width}), nn.ReLU(), nn.Linear({width}, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), five[i])")


def test_single_unit_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + MODEL.format(width=1) + LOSS, NAME)


HEALTHY = {
    "repaired": MODEL.format(width=64) + LOSS,
    "autoencoder": "model = nn.Sequential(nn.Linear(10, 2), nn.Tanh(), nn.Linear(2, 10))\n"
    "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n" + LOOP.format(loss="F.mse_loss(model(X[i]), X[i])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
