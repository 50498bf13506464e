"""bn-eval-gap: named where running statistics lag behind, silent where they fit or where the model overfits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "bn-eval-gap"
SCRIPT = """
X = X * torch.logspace(0, 2, 10) + 20
model = nn.Sequential(
    nn.BatchNorm1d(10{momentum}),  # here
    nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr={lr})
for epoch in range(10):
    model.train()
    for step in range(9):
        i = batch(step, {rows})
        loss = F.cross_entropy(model(X[i]), {y}[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(epoch, F.cross_entropy(model(X[300:]), {y}[300:]).item())
"""


def test_statistics_that_lag_behind_are_named(tmp_path: Path) -> None:
    script = SCRIPT.format(momentum=", momentum=0.001", lr=0.01, rows=32, y="two")
    found = fault(tmp_path, DATA + script, NAME, steps=90)
    assert found.proof is not None
    assert found.proof.metric == "held_out_loss"
    assert "0.001" in found.fix.text


HEALTHY = {
    "default momentum": SCRIPT.format(momentum="", lr=0.01, rows=32, y="two"),
    "no statistics kept": SCRIPT.format(momentum=", track_running_stats=False", lr=0.01, rows=32, y="two"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=90)
