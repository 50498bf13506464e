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
    "teacher with teacher in other forms": (
        "F.mse_loss(out, target) + 4 * 0.5 * F.kl_div(F.log_softmax(soft / 2, 1), F.softmax(soft / 2, 1))",
        Severity.WARNING,
    ),
    "teacher with teacher": ("F.mse_loss(out, target) + 0.5 * F.mse_loss(soft, soft.clone())", Severity.WARNING),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_constant_term_is_named(tmp_path: Path, kind: str) -> None:
    loss, severity = BROKEN[kind]
    fault(tmp_path, DATA + SCRIPT.format(loss=loss), NAME, severity=severity)


STALE = """
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
early = model(X[:32]).detach().requires_grad_()
for step in range(60):
    out = model(X[:32])
    loss = F.cross_entropy(early, two[:32])  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
"""


def test_output_from_before_the_loop_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + STALE, NAME, severity=Severity.ERROR)


INPUT = """
net = nn.Linear(10, 2).requires_grad_(False)
x = X[:32].clone().requires_grad_()
optimizer = torch.optim.Adam([x], lr=0.05)
for step in range(60):
    loss = F.cross_entropy(net(x), two[:32]) + 0.1 * F.mse_loss(x, X[:32])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
"""


def test_input_that_is_optimised_is_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, DATA + INPUT, NAME)


def test_constant_behind_a_sum_is_named(tmp_path: Path) -> None:
    """As the reconstruction of a variational autoencoder: an error by element, added up and averaged."""
    loss = "F.mse_loss(x[:, :3], target, reduction='none').sum(1).mean() + 0.01 * out.pow(2).sum(1).mean()"
    fault(tmp_path, DATA + SCRIPT.format(loss=loss), NAME)


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
