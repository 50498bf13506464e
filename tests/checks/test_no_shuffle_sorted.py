"""no-shuffle-sorted: sorted classes are named where shuffling helps; series and curricula are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "no-shuffle-sorted"

MODEL = """
ten = torch.arange(400) // 40
X = X + 2 * F.one_hot(ten, 10)
order = {order}
loader = torch.utils.data.DataLoader({more}  # here
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(12):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
SORTED = "torch.utils.data.TensorDataset(X[order], ten[order]), batch_size=20)"


def test_sorted_classes_are_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + MODEL.format(order="torch.arange(400)", more=SORTED), NAME, steps=160)
    assert found.proof is not None
    assert found.proof.metric == "pool_loss"


def test_pass_that_has_begun_is_shuffled_too(tmp_path: Path) -> None:
    """One pass is all that is watched, and its iterator is there before the first step is made."""
    order = "torch.arange(400).repeat_interleave(8)"
    found = fault(tmp_path, DATA + MODEL.format(order=order, more=SORTED), NAME, steps=160)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < 1.0  # 1.55 where the first pass stays as it is


HEALTHY = {
    "repaired": MODEL.format(order="torch.arange(400)", more=SORTED.replace("=20)", "=20, shuffle=True)")),
    "already mixed": MODEL.format(order="torch.randperm(400)", more=SORTED),
    "time series (H35)": """
model = nn.Linear(10, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
level = X.cumsum(0) / 20
"""
    + LOOP.format(loss="F.mse_loss(model(level[i]), level[i, :1])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
