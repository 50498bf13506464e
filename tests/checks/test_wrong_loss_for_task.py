"""wrong-loss-for-task: named in the clear cases, silent for soft labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "wrong-loss-for-task"
MODEL = """
many = (X[:, :4] > 0).float()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, {out}))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
BROKEN = {
    "several labels in cross-entropy": (4, "F.cross_entropy(model(X[i]), many[i])  # here"),
    "softmax for several labels": (4, "F.binary_cross_entropy(torch.softmax(model(X[i]), 1), many[i])  # here"),
    "labels of 0 and 1 for signs": (1, "F.soft_margin_loss(model(X[i]).squeeze(1), two[i].float())  # here"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_targets_of_another_kind_are_named(tmp_path: Path, kind: str) -> None:
    out, loss = BROKEN[kind]
    fault(tmp_path, DATA + MODEL.format(out=out) + LOOP.format(loss=loss), NAME)


HEALTHY = {
    "repaired": MODEL.format(out=4) + LOOP.format(loss="F.binary_cross_entropy_with_logits(model(X[i]), many[i])"),
    "one-hot": MODEL.format(out=3) + LOOP.format(loss="F.cross_entropy(model(X[i]), F.one_hot(three[i], 3).float())"),
    "one-hot labels and softmax": MODEL.format(out=3)
    + LOOP.format(loss="F.binary_cross_entropy(torch.softmax(model(X[i]), 1), F.one_hot(three[i], 3).float())"),
    "mixed labels": MODEL.format(out=3)
    + LOOP.format(
        loss="F.cross_entropy(model(X[i]), 0.7 * F.one_hot(three[i], 3) + 0.3 * F.one_hot(three[i.flip(0)], 3))"
    ),
    "signs": MODEL.format(out=1) + LOOP.format(loss="F.soft_margin_loss(model(X[i]).squeeze(1), two[i] * 2.0 - 1)"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
