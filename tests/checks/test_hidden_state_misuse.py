"""hidden-state-misuse: a graph that grows with the steps is named, a detached state is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "hidden-state-misuse"

CHAIN = """
model = nn.Linear(10, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
total = torch.zeros(())
for step in range(120):
    i = batch(step)
    total = 0.5 * total{detach} + F.mse_loss(model(X[i]), X[i, :1])
    optimizer.zero_grad()
    total.backward({retain})  # here
    optimizer.step()
"""


def test_growing_graph_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + CHAIN.format(detach="", retain="retain_graph=True"), NAME)


HEALTHY = {
    "repaired (H31)": CHAIN.format(detach=".detach()", retain=""),
    "retained without need": CHAIN.format(detach=".detach()", retain="retain_graph=True"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=70)
