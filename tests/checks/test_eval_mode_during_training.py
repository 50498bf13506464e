"""eval-mode-during-training: named where it hurts, advice where it does not, silent for frozen BatchNorm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, advised, fault, silent

NAME = "eval-mode-during-training"
SCRIPT = """
X = X * torch.logspace(0, 3, 10) + 5
model = nn.Sequential({first}, nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
{before}
for step in range(120):
    {each}
    i = batch(step)
    loss = F.cross_entropy(model(X[i]), two[i])  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
BATCH_NORM = "nn.BatchNorm1d(10)"
VALIDATE = """
def validate():
    model.eval()
    with torch.no_grad():
        return F.cross_entropy(model(X[:50]), two[:50]).item()
validate()
"""


@pytest.mark.parametrize("before", ["model.eval()", VALIDATE])
def test_evaluation_mode_left_on_is_named(tmp_path: Path, before: str) -> None:
    script = DATA + SCRIPT.format(first=BATCH_NORM, before=before, each="pass")
    found = fault(tmp_path, script, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None


def test_missing_dropout_is_advice(tmp_path: Path) -> None:
    script = SCRIPT.replace("X = X * torch.logspace(0, 3, 10) + 5", "")
    advised(tmp_path, DATA + script.format(first="nn.Dropout(0.2)", before="model.eval()", each="pass"), NAME)


HEALTHY = {
    "repaired": (BATCH_NORM, VALIDATE, "model.train()"),
    "frozen BatchNorm (H13)": (BATCH_NORM, "model.train()", "model.train(); model[0].eval()"),
    "attack in evaluation mode": (
        BATCH_NORM,
        "",
        "model.eval(); F.cross_entropy(model(X[:9]), two[:9]).backward(); model.train()",
    ),
    "nothing that has a mode": ("nn.Identity()", "model.eval()", "pass"),
    "validation without no_grad": (
        BATCH_NORM,
        "",
        "model.eval(); F.cross_entropy(model(X[:9]), two[:9]).item(); model.train()",
    ),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    first, before, each = HEALTHY[kind]
    silent(tmp_path, DATA + SCRIPT.format(first=first, before=before, each=each), NAME)
