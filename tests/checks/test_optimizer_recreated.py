"""optimizer-recreated: a new optimizer for each batch is named, folds and stages are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "optimizer-recreated"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
{more}
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
SGD = "SGD(model.parameters(), lr=0.1, momentum=0.9)"
NEW = "torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.97)"


def test_optimizer_for_each_batch_is_named(tmp_path: Path) -> None:
    loop = LOSS.replace("    i = batch", f"    optimizer = {NEW}  # here\n    i = batch")
    fault(tmp_path, DATA + MODEL.format(optimizer=SGD, more="") + loop, NAME, steps=100)


HEALTHY = {
    "repaired": MODEL.format(optimizer=SGD, more="") + LOSS,
    "rebuilt once (H43)": MODEL.format(optimizer=SGD, more="")
    + LOSS.replace("    i = batch", f"    if step == 30:\n        optimizer = {NEW}\n    i = batch"),
    "plain SGD keeps nothing": MODEL.format(optimizer=SGD, more="")
    + LOSS.replace("    i = batch", "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n    i = batch"),
    "a model for each fold (H43)": """
for fold in range(5):
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in range(15):
        i = batch(step + fold)
        loss = F.cross_entropy(model(X[i]), three[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
