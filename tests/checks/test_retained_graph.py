"""retained-graph: losses summed with their graphs are advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, silent

NAME = "retained-graph"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
{more}
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
SGD = "SGD(model.parameters(), lr=0.1, momentum=0.9)"


def summed(what: str) -> str:
    return "total = 0\n" + LOSS + f"    total += {what}\n"


def test_sum_of_losses_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + MODEL.format(optimizer=SGD, more="") + summed("loss"), NAME)


HEALTHY = {
    "item": MODEL.format(optimizer=SGD, more="") + summed("loss.item()"),
    "detach": MODEL.format(optimizer=SGD, more="") + summed("loss.detach()"),
    "two losses in one": MODEL.format(optimizer=SGD, more="")
    + LOSS.replace("    optimizer.zero", "    loss = loss + 1e-4 * model[0].weight.square().sum()\n    optimizer.zero"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
