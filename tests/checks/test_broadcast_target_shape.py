"""broadcast-target-shape: named where every prediction meets every target, also of targets that a model makes."""

from __future__ import annotations

from pathlib import Path

from tests.checks.cases import DATA, fault, silent

NAME = "broadcast-target-shape"

REGRESSION = """
model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(100):
    i = batch(step)
    loss = F.mse_loss(model(X[i]){shape}, X[i, 0])  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
Q_LEARNING = """
q, slow = nn.Linear(10, 3), nn.Linear(10, 3)
slow.load_state_dict(q.state_dict())
optimizer = torch.optim.Adam(q.parameters(), lr=0.01)
for step in range(100):
    i = batch(step)
    with torch.no_grad():
        target = X[i, 0] + 0.9 * slow(X[i].flip(1)).max(1).values
    value = q(X[i]).gather(1, three[i, None]){shape}
    loss = F.smooth_l1_loss(value, target)  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        slow.load_state_dict(q.state_dict())
"""


def test_column_against_a_vector_is_named_with_its_harm(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + REGRESSION.format(shape=""), NAME)
    assert found.proof is not None
    assert (found.proof.treated or 0) < (found.proof.baseline or 1)


def test_targets_of_another_model_are_targets(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + Q_LEARNING.format(shape=""), NAME)
    assert found.proof is None  # no error is measured against targets that move


def test_equal_shapes_are_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, DATA + REGRESSION.format(shape=".squeeze(1)"), NAME)
    silent(tmp_path, DATA + Q_LEARNING.format(shape=".squeeze(1)"), NAME)
