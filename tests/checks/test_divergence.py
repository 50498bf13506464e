"""divergence: a second model whose loss has another size is no growth."""

from __future__ import annotations

from pathlib import Path

from tests.checks.cases import DATA, diagnosed

NAME = "divergence"
STAGES = (
    DATA
    + """
for size in (1.0, 50.0):
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(60):
        i = batch(step)
        loss = size * F.cross_entropy(model(X[i]), three[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
GROWS = (
    DATA
    + """
weight = torch.zeros(10, requires_grad=True)
for step in range(60):
    loss = (1 + X[batch(step)] @ weight).mean() ** 2 + 1
    loss.backward()  # here
    with torch.no_grad():
        weight += 0.5 * weight.grad
        weight.grad = None
"""
)


def test_stage_with_a_larger_loss_is_left_in_peace(tmp_path: Path) -> None:
    assert not [f for f in diagnosed(tmp_path, STAGES, steps=120).findings if f.check == NAME]


def test_loss_that_grows_is_told(tmp_path: Path) -> None:
    said = [f for f in diagnosed(tmp_path, GROWS, only=(NAME,)).findings if f.check == NAME]
    assert said
    assert said[0].location is not None
