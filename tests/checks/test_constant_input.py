"""constant-input: inputs that do not vary are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "constant-input"

MODEL = """
{data}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i]){mark}")


def test_inputs_rounded_to_zero_are_named(tmp_path: Path) -> None:
    script = MODEL.format(data="X = (X / 255).long().float()") + LOSS.format(mark="  # here")
    fault(tmp_path, DATA + script, NAME)


HEALTHY = {
    "repaired": MODEL.format(data="") + LOSS.format(mark=""),
    "some constant columns": MODEL.format(data="X[:, 5:] = 1.0") + LOSS.format(mark=""),
    "a whole data set in each step": MODEL.format(data="") + LOOP.format(loss="F.cross_entropy(model(X), three)"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)


IMAGES = """
images = torch.randn(400, 1, 6, 6)
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


def test_the_same_picture_for_every_label_is_named(tmp_path: Path) -> None:
    loss = "F.cross_entropy(model(images[:1].expand(len(i), -1, -1, -1)), three[i])  # here"
    fault(tmp_path, DATA + IMAGES + LOOP.format(loss=loss), NAME)


def test_different_pictures_are_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, DATA + IMAGES + LOOP.format(loss="F.cross_entropy(model(images[i]), three[i])"), NAME)
