"""wrong-variable-in-loss: named where a term cannot depend on the model, silent where one side is meant to be fixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, fault, silent

NAME = "wrong-variable-in-loss"
SCRIPT = """
import copy
Y = X @ torch.randn(10, 3)
model = nn.Linear(10, 3)
teacher = copy.deepcopy(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(120):
    x, target = X[batch(step)], Y[batch(step)]
    out = model(x)
    with torch.no_grad():
        soft = teacher(x)
    loss = {loss}  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
BROKEN = {
    "target with itself": ("F.mse_loss(target, target) + 1e-3 * out.pow(2).mean()", Severity.ERROR),
    "input with target": ("F.mse_loss(x[:, :3], target) + 1e-3 * out.pow(2).mean()", Severity.ERROR),
    "output with itself": ("F.mse_loss(out, out)", Severity.ERROR),
    "teacher with teacher": ("F.mse_loss(out, target) + 0.5 * F.mse_loss(soft, soft.clone())", Severity.WARNING),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_constant_term_is_named(tmp_path: Path, kind: str) -> None:
    loss, severity = BROKEN[kind]
    fault(tmp_path, DATA + SCRIPT.format(loss=loss), NAME, severity=severity)


HEALTHY = {
    "repaired": "F.mse_loss(out, target) + 1e-3 * out.pow(2).mean()",
    "distillation": "F.mse_loss(out, target) + 0.5 * F.mse_loss(out, soft)",
    "divided by a baseline": "F.mse_loss(out, target) / F.mse_loss(target.mean(0).expand_as(target), target)",
    "weighted by another error": "F.mse_loss(out, target) * (1 + F.mse_loss(soft, target))",
    "no loss function at all": "(out - target).pow(2).mean()",
    "consistency of two passes": "F.mse_loss(out, target) + F.mse_loss(model(x), out.detach())",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + SCRIPT.format(loss=HEALTHY[kind]), NAME)
