"""same-batch: named where the loader starts over for each batch, silent where that is meant or other batches come."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "same-batch"
SCRIPT = """
from torch.utils.data import DataLoader, TensorDataset
loader = DataLoader(TensorDataset(X, three), batch_size={size}, shuffle={shuffle})
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
batches = iter(loader)
x, y = next(iter(loader))
for step in range(60):
    {draw}
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
DRAW = "x, y = next(iter(loader))"


def test_first_batch_again_and_again_is_named(tmp_path: Path) -> None:
    script = SCRIPT.format(size=32, shuffle=False, draw=DRAW + "  # here")
    found = fault(tmp_path, DATA + script, NAME, steps=60)
    assert "32 of 400 samples" in found.title


HEALTHY = {
    "shuffled": (32, True, DRAW),
    "all samples in one batch": (400, False, DRAW),
    "one batch, taken once": (32, False, "pass"),
    "one iterator": (5, False, "x, y = next(batches)"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_other_batches_and_one_that_is_meant_are_left_in_peace(tmp_path: Path, kind: str) -> None:
    size, shuffle, draw = HEALTHY[kind]
    silent(tmp_path, DATA + SCRIPT.format(size=size, shuffle=shuffle, draw=draw), NAME, steps=60)
