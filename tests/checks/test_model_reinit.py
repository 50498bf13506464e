"""model-reinit: a new model for each epoch is advice, folds trained to their end are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, advised, silent

NAME = "model-reinit"

ROUNDS = """
for epoch in range(10):
    {model}
    {optimizer}
    for step in range({steps}):
        i = batch(step)
        loss = F.cross_entropy(model(X[i]), two[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
MODEL = "model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))  # here"
SGD = "optimizer = torch.optim.SGD(model.parameters(), lr={lr}, momentum=0.9)"


def test_model_for_each_epoch_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + ROUNDS.format(model=MODEL, optimizer=SGD.format(lr=0.02), steps=8), NAME)


HEALTHY = {
    "repaired": MODEL + "\n" + SGD.format(lr=0.02) + ROUNDS.format(model="", optimizer="", steps=8),
    "folds trained to their end (H43)": ROUNDS.format(model=MODEL, optimizer=SGD.format(lr=0.3), steps=30),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=100)
