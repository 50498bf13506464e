"""Where a script evaluates nothing, the deciding reruns are judged by samples that they were not trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.options import Options
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Target
from tests.helpers import write
from tests.warm import diagnose

SCRIPT = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.randn(600, 10, dtype=torch.float64)
y = (X[:, :3].sum(1) > 0).int()
loader = DataLoader(TensorDataset(X, y), batch_size=20, shuffle=True)
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.SGD(net.parameters(), lr=20.0)
for epoch in range(8):
    for a, b in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net({inputs}), b.long())
        loss.backward()
        opt.step()
"""


def diagnosed(folder: Path, inputs: str) -> Report:
    path = write(folder / "train.py", SCRIPT.format(inputs=inputs))
    return diagnose(Target("script", str(path), ()), Options()).report


def test_the_proof_holds_on_samples_set_aside(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, "a.float().view(-1, 10)")
    assert [f.check for f in report.problems] == ["lr-too-high"]
    found = next(e for e in report.problems[0].evidence if e.signal == "set_aside_loss")
    assert "120 samples set aside" in found.text
    assert isinstance(found.observed, float)
    assert found.observed < 0.3


@pytest.mark.long
def test_batches_that_are_computed_with_cannot_be_set_aside(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, "a.float() * 2 + 0.1")
    assert [f.check for f in report.problems] == ["lr-too-high"]
    assert not [e for e in report.problems[0].evidence if e.signal == "set_aside_loss"]
