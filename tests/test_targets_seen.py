"""A target is known as one, also where only its shape or type comes from the output."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.options import Options
from sgd_doctor.run.launch import Target
from tests.helpers import write
from tests.warm import diagnose

SCRIPT = """
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(200, 5)
y = X.sum(1)
net = nn.Linear(5, 1)
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for step in range(12):
    out = net(X)
    loss = {loss}
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
LOSSES = {
    "real": "nn.functional.mse_loss(out, y.view_as(out))",
    "real, by hand": "((out - y.reshape_as(out).type_as(out)) ** 2).mean()",
    "binary": "nn.functional.binary_cross_entropy_with_logits(out, torch.ones_like(out))",
}


@pytest.mark.parametrize("kind", LOSSES)
def test_the_task_is_measured(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "train.py", SCRIPT.format(loss=LOSSES[kind]))
    task = diagnose(Target("script", str(path), ()), Options(probes=False)).recording.facts.task
    assert task is not None
    assert task.kind == kind.split(",")[0]
