"""A suspicion whose reruns the clock cut short keeps a run from being called healthy."""

from __future__ import annotations

from pathlib import Path

from sgd_doctor.options import Options
from sgd_doctor.run.launch import Target
from tests.helpers import write
from tests.warm import diagnose

SLOW = """
import time

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 8)
y = (x[:, :2].prod(1) > 0).long()
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=20.0)
for step in range(60):
    time.sleep(0.03)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_time_that_is_up_is_no_evidence_of_health(tmp_path: Path) -> None:
    target = Target("script", str(write(tmp_path / "train.py", SLOW)), ())
    report = diagnose(target, Options(budget=2.5, select=("lr-too-high",))).report
    assert report.verdict == "inconclusive", (report.findings, report.ruled_out)
    assert "--budget" in report.summary
    assert [item.check for item in report.not_checked if "time budget" in item.reason] == ["lr-too-high"]
