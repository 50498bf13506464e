"""no-learning: a run that stands still is never called healthy; hard tasks, games and rewards are left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Confidence, Severity
from tests.checks.cases import DATA, LOOP, diagnosed, fault

NAME = "no-learning"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def begin(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
"""
AGAIN = """
for step in range(120):
    i = batch(step)
    model.apply(begin)
    loss = F.cross_entropy(model(X[i]), three[i])  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_loop_that_cannot_fit_one_batch_is_a_warning(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + MODEL + AGAIN, NAME, steps=120, severity=Severity.WARNING)
    assert found.confidence is Confidence.LIKELY
    assert any("not even one batch" in e.text for e in found.evidence)


def test_weak_signal_is_advice_and_healthy(tmp_path: Path) -> None:
    weak = "X = torch.randn(6000, 10)\ny = 0.2 * X[:, :1] + torch.randn(6000, 1)\nloss_fn = nn.MSELoss()"
    loop = LOOP.replace("120", "180").format(loss="loss_fn(model(X[i]), y[i])")
    report = diagnosed(tmp_path, DATA + weak + MODEL.replace("32, 3", "32, 1") + loop, steps=180)
    assert not report.problems, [(f.check, f.title) for f in report.problems]
    assert report.verdict == "healthy"


def test_loss_that_does_not_move_is_not_called_healthy(tmp_path: Path) -> None:
    still = "(model(X[i]) * 0 + model(X[i]).detach()).square().mean()"
    report = diagnosed(tmp_path, DATA + MODEL + LOOP.replace("i = batch(step)", "i = batch(0)").format(loss=still))
    assert report.verdict != "healthy"


QUIET = {
    "learns": LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "takes its own outputs for targets": LOOP.format(
        loss="F.mse_loss(model(X[i]), 1 + model(X[i]).detach()) + F.mse_loss(model(X[i]), model(X[i + 1]).detach())"
    ),
    "rewards": LOOP.format(loss="(model(X[i]).log_softmax(1)[:, 0] * torch.randn(32)).mean()"),
}


@pytest.mark.parametrize("kind", QUIET)
def test_loss_that_falls_or_need_not_fall_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    report = diagnosed(tmp_path, DATA + MODEL + QUIET[kind].replace("X[i + 1]", "X[(i + 1) % 400]"), only=(NAME,))
    assert not report.findings, [(f.check, f.title) for f in report.findings]
