"""exploding-gradient: rare huge gradients are named where clipping beats every rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sgd_doctor.check import registered
from sgd_doctor.loader import load_checks
from sgd_doctor.recording import Facts, OptimizerFacts, Recording
from tests.checks.cases import DATA, LOOP, silent

NAME = "exploding-gradient"
load_checks()

MODEL = """
y = X @ torch.linspace(-1, 1, 10)[:, None]
y[::40] *= {outlier}
X[::40] *= {outlier}
order = torch.randperm(400)
X, y = X[order], y[order]
torch.manual_seed(2)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
"""
LOSS = LOOP.format(loss="F.smooth_l1_loss(model(X[i]), y[i])")


def test_evidence_names_the_peak() -> None:
    norms = np.full(100, 0.5)
    norms[70] = 400.0
    facts = Facts(optimizers=(OptimizerFacts("SGD", -1, 0, 10, ()),), steps=100)
    found = registered()[NAME]().suspect(Recording(facts, {"grad_norm": norms}))
    assert found is not None
    assert "step 70" in found.title


HEALTHY = {
    "even gradients": MODEL.format(outlier=1) + LOSS,
    "clipped (H37)": MODEL.format(outlier=30)
    + LOSS.replace(
        "    optimizer.step", "    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    optimizer.step"
    ),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
