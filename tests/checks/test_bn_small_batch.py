"""bn-small-batch: BatchNorm over a handful of values is named where it hurts, and advice elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, advised, fault, silent

NAME = "bn-small-batch"
SCRIPT = """
model = nn.Sequential(nn.Linear(10, 32), {norm}, nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(120):
    i = batch(step, {size})
    loss = F.cross_entropy(model(X[i]), two[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_two_values_that_hurt_are_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + SCRIPT.format(norm="nn.BatchNorm1d(32)  # here\n", size=2), NAME)
    assert found.severity is Severity.WARNING
    assert found.proof is not None


def test_few_values_without_harm_are_advice(tmp_path: Path) -> None:
    script = SCRIPT.format(norm="nn.BatchNorm1d(32)", size=4).replace("lr=0.05", "lr=0.0005")
    advised(tmp_path, DATA + script, NAME)


@pytest.mark.parametrize(
    ("norm", "size"),
    [("nn.BatchNorm1d(32)", 16), ("nn.LayerNorm(32)", 2), ("nn.BatchNorm1d(32).eval()", 32), ("nn.Identity()", 2)],
)
def test_enough_values_or_another_norm_are_left_in_peace(tmp_path: Path, norm: str, size: int) -> None:
    silent(tmp_path, DATA + SCRIPT.format(norm=norm, size=size), NAME)


def test_last_smaller_batch_is_left_in_peace(tmp_path: Path) -> None:
    script = SCRIPT.format(norm="nn.BatchNorm1d(32)", size=16).replace(
        "batch(step, 16)", "batch(step, 16 if step % 8 else 3)"
    )
    silent(tmp_path, DATA + script, NAME)
