"""train-test-preprocess-mismatch: evaluation inputs of another scale are named where matching helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "train-test-preprocess-mismatch"

SCRIPT = """
raw = X * torch.linspace(1, 30, 10) + torch.linspace(-40, 60, 10)
train, held = raw[:300], raw[300:]
mean, std = train.mean(0), train.std(0)
train = (train - mean) / std
{more}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(100):
    i = batch(step) % 300
    loss = F.cross_entropy(model(train[i]), three[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        with torch.no_grad():
            val = F.cross_entropy(model(held), three[300:])  # here
"""


def test_raw_evaluation_data_are_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + SCRIPT.format(more=""), NAME)
    assert found.proof is not None
    assert found.proof.metric == "held_out_loss"


AT_THE_END = (
    """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
    + LOOP.format(loss="F.cross_entropy(model(X[i % 300]), three[i % 300])")
    + """
with torch.no_grad():
    accuracy = (model({held}).argmax(1) == three[300:]).float().mean()  # here
"""
)


def test_evaluation_behind_the_last_step_is_reached_by_reruns(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + AT_THE_END.format(held="X[300:] * 16 + 3"), NAME, steps=200)
    assert found.proof is not None


HEALTHY = {"repaired": SCRIPT.format(more="held = (held - mean) / std")}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
