"""``--suggest lr``: the rate that is suggested trains well, and where none can be named the report says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from sgd_doctor import diagnose
from sgd_doctor.errors import UsageError
from sgd_doctor.interventions.curvature import largest_eigenvalue
from sgd_doctor.render.html import page
from tests.helpers import doctor

torch.manual_seed(5)
X = torch.randn(512, 8)
Y = ((X[:, 0] * X[:, 1] > 0).long() + (X[:, 2] > 0.5).long()).clamp(max=2)


def training(lr: float, steps: int = 300) -> Callable[[], float]:
    """A function that trains a small classifier and returns the mean loss of its last steps."""

    def train() -> float:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        losses = []
        for step in range(steps):
            chosen = torch.arange(step * 64, step * 64 + 64) % 512
            loss = nn.functional.cross_entropy(model(X[chosen]), Y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return sum(losses[-50:]) / 50

    return train


@pytest.mark.long
def test_the_suggested_rate_trains_nearly_as_well_as_the_best_of_a_grid() -> None:
    report = diagnose(training(1e-4), suggest="lr")
    found = report.suggested_lr
    assert found is not None
    assert found.low <= found.lr <= found.high
    assert found.written == pytest.approx(1e-4)
    best = min(training(lr)() for lr in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0))
    assert training(found.lr)() < best + 0.2
    assert "Suggested learning rate" in str(report)
    assert "Suggested learning rate" in page(report)


def test_with_a_fault_that_cannot_be_treated_no_rate_is_suggested() -> None:
    def train() -> None:
        model = nn.Linear(8, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(30):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X), Y)
            optimizer.step()

    report = diagnose(train, suggest="lr")
    assert report.suggested_lr is None
    assert any(item.check == "suggest lr" and item.reason for item in report.not_checked)


def test_what_cannot_be_suggested_is_refused() -> None:
    with pytest.raises(UsageError, match="'momentum'"):
        diagnose(training(0.1), suggest="momentum")


@pytest.mark.long
def test_the_command_puts_the_suggestion_into_the_report(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import torch\nfrom torch import nn\ntorch.manual_seed(0)\n"
        "x = torch.randn(256, 4)\ny = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]])\n"
        "model = nn.Linear(4, 1)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.001)\n"
        "for step in range(200):\n    loss = nn.functional.mse_loss(model(x), y)\n    optimizer.zero_grad()\n"
        "    loss.backward()\n    optimizer.step()\n"
    )
    done = doctor("diagnose", "--suggest", "lr", "--format", "json", "train.py", cwd=tmp_path)
    found = json.loads(done.stdout)["suggested_lr"]
    assert 0.01 < found["lr"] <= 1
    assert found["value"] < 0.1


def test_the_eigenvalue_is_that_of_the_whole_hessian() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
    x, y = torch.randn(40, 4), torch.randn(40, 1)
    parameters = list(model.parameters())

    def loss_of(flat: torch.Tensor) -> torch.Tensor:
        pieces = flat.split([p.numel() for p in parameters])
        named = {n: v.view_as(p) for (n, p), v in zip(model.named_parameters(), pieces, strict=True)}
        return nn.functional.mse_loss(torch.func.functional_call(model, named, (x,)), y)

    flat = torch.cat([p.detach().reshape(-1) for p in parameters])
    hessian = torch.autograd.functional.hessian(loss_of, flat)
    exact = torch.linalg.eigvalsh(hessian).abs().max().item()
    found = largest_eigenvalue(nn.functional.mse_loss(model(x), y), parameters, products=40)
    assert abs(found) == pytest.approx(exact, rel=0.02)


@pytest.mark.long
def test_a_rate_that_is_too_high_is_put_beside_the_stability_limit() -> None:
    report = diagnose(training(30.0))
    assert report.problems[0].check == "lr-too-high"
    limit = next(e for e in report.problems[0].evidence if e.signal == "lr_over_stability_limit")
    assert isinstance(limit.observed, float)
    assert limit.observed > 1
