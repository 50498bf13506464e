"""lr-too-low: a rate at which nothing moves is named; one that only learns more slowly is not accused."""

from __future__ import annotations

from pathlib import Path

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, LOOP, diagnosed, fault

NAME = "lr-too-low"
SAMPLES = Path(__file__).resolve().parents[2] / "sample_scripts"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr={lr})  # here
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")


def test_rate_at_which_nothing_moves_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + MODEL.format(lr=1e-7) + LOSS, NAME)


def test_a_later_stage_has_a_loss_of_its_own(tmp_path: Path) -> None:
    """An autoencoder that learns slowly, whose encoder then goes into a classifier: that one's loss is far above."""
    script = (SAMPLES / "vision" / "frozen_by_name.py").read_text().replace("lr=2e-3", "lr=6.7e-4")
    report = diagnosed(tmp_path, script, steps=1000)
    assert not report.problems
    assert NAME in [f.check for f in report.findings if f.severity is Severity.ADVICE]
