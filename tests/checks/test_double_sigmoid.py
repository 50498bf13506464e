"""double-sigmoid: named before a loss that has its own, silent everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "double-sigmoid"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1){more})
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
"""
LOSS = "F.binary_cross_entropy_with_logits({out}, two[i].float())"
BROKEN = {
    "module": MODEL.format(more=", nn.Sigmoid()  # here\n")
    + LOOP.format(loss=LOSS.format(out="model(X[i]).squeeze(1)")),
    "function": MODEL.format(more="")
    + LOOP.format(loss="nn.BCEWithLogitsLoss()(torch.sigmoid(model(X[i])).squeeze(1), two[i].float())  # here"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_sigmoid_before_the_loss_is_named(tmp_path: Path, kind: str) -> None:
    found = fault(tmp_path, DATA + BROKEN[kind], NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


def test_evaluation_code_that_needs_probabilities_does_not_break_the_proof(tmp_path: Path) -> None:
    checked = BROKEN["module"] + (
        "    if step % 10 == 9:\n"
        "        model.eval()\n"
        "        with torch.no_grad():\n"
        "            F.binary_cross_entropy(model(X).squeeze(1), two.float())\n"
        "        model.train()\n"
    )
    found = fault(tmp_path, DATA + checked, NAME)
    assert found.proof is not None


def test_repair_takes_the_sigmoid_out(tmp_path: Path) -> None:
    pytest.importorskip("libcst")
    found = fault(tmp_path, DATA + BROKEN["function"], NAME)
    assert found.fix.verified
    assert found.fix.diff is not None


HEALTHY = {
    "repaired": MODEL.format(more="") + LOOP.format(loss=LOSS.format(out="model(X[i]).squeeze(1)")),
    "sigmoid with BCELoss": MODEL.format(more=", nn.Sigmoid()")
    + LOOP.format(loss="F.binary_cross_entropy(model(X[i]).squeeze(1), two[i].float())"),
    "sigmoid only for the metric (H17)": MODEL.format(more="")
    + LOOP.format(loss=LOSS.format(out="model(X[i]).squeeze(1)"))
    + "    right = ((torch.sigmoid(model(X[i])) > 0.5).squeeze(1) == two[i]).float().mean().item()\n",
    "gate inside of the model": MODEL.replace("nn.ReLU()", "nn.Sigmoid()").format(more="")
    + LOOP.format(loss=LOSS.format(out="model(X[i]).squeeze(1)")),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
