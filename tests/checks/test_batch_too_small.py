"""batch-too-small: single samples are advice, batches and whole sequences are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, silent

NAME = "batch-too-small"
MODEL = """
model = nn.Linear(10, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
"""
LOSS = LOOP.format(loss="F.mse_loss(model(X[i]), X[i, :1] + torch.randn(len(i), 1))")
MANY = LOOP.format(loss="F.mse_loss(model(X[i]), X[i] + torch.randn(len(i), 10))")


def single(loop: str) -> str:
    return loop.replace("batch(step)", "batch(step, 1)")


def test_single_samples_are_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + MODEL + single(LOSS), NAME)


HEALTHY = {
    "repaired": MODEL + LOSS,
    "one sample with many targets": MODEL.replace("10, 1", "10, 10") + single(MANY),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=80)
