"""nll-without-log: named for probabilities and raw outputs, silent for log-probabilities."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "nll-without-log"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
"""
BROKEN = {
    "probabilities": "F.nll_loss(model(X[i]).softmax(1), three[i])  # here",
    "raw outputs": "nn.NLLLoss()(model(X[i]), three[i])  # here",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_nll_without_log_probabilities_is_named(tmp_path: Path, kind: str) -> None:
    found = fault(tmp_path, DATA + MODEL + LOOP.format(loss=BROKEN[kind]), NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


HEALTHY = {
    "repaired": MODEL + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "log-probabilities (H16)": MODEL + LOOP.format(loss="F.nll_loss(model(X[i]).log_softmax(1), three[i])"),
    "logarithm by hand": MODEL + LOOP.format(loss="F.nll_loss(model(X[i]).softmax(1).clamp_min(1e-9).log(), three[i])"),
    "focal": MODEL
    + LOOP.format(loss="F.nll_loss((1 - model(X[i]).softmax(1)) ** 2 * model(X[i]).log_softmax(1), three[i])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
