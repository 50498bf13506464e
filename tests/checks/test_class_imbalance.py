"""class-imbalance: named where only the majority is answered and weights help; all classes learned is silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "class-imbalance"

MODEL = """
X = torch.randn(3000, 10)
rare = (X[:, 0] + X[:, 1] + {noise} * torch.randn(3000) > {limit}).long()
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, {outputs}))
optimizer = torch.optim.Adam(model.parameters(), lr={lr})
"""
FAULTY = MODEL.replace("{limit}", "4.3").replace("{noise}", "2").replace("{lr}", "0.003")
BINARY = "F.binary_cross_entropy_with_logits(model(X[i])[:, 0], rare[i].float()){mark}"
CLASSES = "F.cross_entropy(model(X[i]), rare[i]){mark}"
PROBABILITIES = "F.binary_cross_entropy(torch.sigmoid(model(X[i])[:, 0]), rare[i].float()){mark}"


@pytest.mark.parametrize(("loss", "outputs", "remedy"), [
    (BINARY, 1, "pos_weight=torch.tensor("),
    (CLASSES, 2, "weight=torch.tensor(["),
    (PROBABILITIES, 1, "weigh the positives"),
])  # fmt: skip
def test_answer_of_the_majority_is_named(tmp_path: Path, loss: str, outputs: int, remedy: str) -> None:
    script = FAULTY.format(outputs=outputs) + LOOP.format(loss=loss.format(mark="  # here"))
    found = fault(tmp_path, DATA + script, NAME)
    assert found.proof is not None
    assert found.proof.metric == "balanced_error"
    assert remedy in found.fix.text


HEALTHY = {
    "balanced": MODEL.format(limit=0.0, noise=2, lr=0.003, outputs=1) + LOOP.format(loss=BINARY.format(mark="")),
    "rare and learned": MODEL.format(limit=2.3, noise=0, lr=0.03, outputs=2)
    + LOOP.format(loss=CLASSES.format(mark="")),
    "nothing to be found": FAULTY.format(outputs=1).replace("X[:, 0] + X[:, 1]", "1.41 * torch.randn(3000)")
    + LOOP.format(loss=BINARY.format(mark="")),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=100)
