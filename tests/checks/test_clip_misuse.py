"""clip-misuse: a tiny limit is named, a usual one is not, a late call is advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, fault, silent

NAME = "clip-misuse"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
{more}
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
SGD = "SGD(model.parameters(), lr=0.1, momentum=0.9)"
CLIP = "    torch.nn.utils.clip_grad_norm_(model.parameters(), {limit})  # here\n"


def clipped(limit: str, late: bool = False) -> str:
    call = CLIP.format(limit=limit)
    return LOSS + call if late else LOSS.replace("    optimizer.step", call + "    optimizer.step")


def test_tiny_limit_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + MODEL.format(optimizer=SGD, more="") + clipped("1e-4"), NAME)


def test_tiny_values_are_named(tmp_path: Path) -> None:
    loop = clipped("1e-4").replace("clip_grad_norm_", "clip_grad_value_")
    fault(tmp_path, DATA + MODEL.format(optimizer=SGD, more="") + loop, NAME)


def test_clipping_after_the_step_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + MODEL.format(optimizer=SGD, more="") + clipped("1.0", late=True), NAME)


HEALTHY = {
    "usual limit (H37)": MODEL.format(optimizer=SGD, more="") + clipped("1.0"),
    "met at every step": MODEL.format(optimizer=SGD, more="") + clipped("0.05"),
    "tiny limit with Adam": MODEL.format(optimizer="Adam(model.parameters(), lr=0.01)", more="") + clipped("1e-4"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
