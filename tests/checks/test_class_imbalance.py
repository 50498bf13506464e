"""class-imbalance: answers of the majority class are named where weights help."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "class-imbalance"

MODEL = """
X = torch.randn(3000, 10)
rare = (X[:, 0] + X[:, 1] + 2 * torch.randn(3000) > {limit}).long()
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, {outputs}))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
"""
BINARY = "F.binary_cross_entropy_with_logits(model(X[i])[:, 0], rare[i].float()){mark}"


def test_answer_of_the_majority_is_named(tmp_path: Path) -> None:
    script = MODEL.format(limit=4.3, outputs=1) + LOOP.format(loss=BINARY.format(mark="  # here"))
    found = fault(tmp_path, DATA + script, NAME)
    assert found.proof is not None
    assert found.proof.metric == "balanced_error"
    assert "pos_weight" in found.fix.text


def test_answer_of_the_majority_among_classes_is_named(tmp_path: Path) -> None:
    loss = "F.cross_entropy(model(X[i]), rare[i])  # here"
    fault(tmp_path, DATA + MODEL.format(limit=4.3, outputs=2) + LOOP.format(loss=loss), NAME)


HEALTHY = {
    "balanced": MODEL.format(limit=0.0, outputs=1) + LOOP.format(loss=BINARY.format(mark="")),
    "nothing to be found": MODEL.format(limit=4.3, outputs=1).replace("X[:, 0] + X[:, 1]", "1.41 * torch.randn(3000)")
    + LOOP.format(loss=BINARY.format(mark="")),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
