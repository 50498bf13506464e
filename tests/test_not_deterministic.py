"""A loop that never runs twice alike: said, and met by more repeated runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.options import Options
from sgd_doctor.run.launch import Target
from tests.helpers import write
from tests.warm import diagnose

SCRIPT = """
import os
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(300, 6)
y = (X[:, 0] > X[:, 1]).long()
net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 2))
opt = torch.optim.SGD(net.parameters(), lr={lr}, momentum=0.9)
for step in range(200):
    torch.manual_seed(int.from_bytes(os.urandom(4), "big"))
    i = torch.randint(0, 300, (30,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
"""


@pytest.mark.long
@pytest.mark.parametrize(("lr", "wanted"), [("0.1", []), ("30.0", ["lr-too-high"])])
def test_a_loop_that_does_not_repeat_is_diagnosed_over_several_runs(tmp_path: Path, lr: str, wanted: list[str]) -> None:
    path = write(tmp_path / "train.py", SCRIPT.format(lr=lr))
    report = diagnose(Target("script", str(path), ()), Options()).report
    assert [f.check for f in report.problems] == wanted
    assert any("does not repeat" in note for note in report.notes) == bool(report.run.probes)
    again = [p for p in report.run.probes if p.intervention.startswith("other seed")]
    assert len(again) == (6 if wanted else 0)
