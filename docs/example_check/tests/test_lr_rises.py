"""The check finds and proves its fault in a real loop, and is quiet on a sound one."""

import pytest
import torch
from acme_checks import lr_rises  # importing a check registers it
from torch import nn

import sgd_doctor


def train(gamma: float) -> None:
    """A regression under a schedule."""
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]])
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=gamma)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(("gamma", "found"), [(1.1, True), (0.98, False)])
def test_rising_rate_is_found_and_proven(gamma: float, found: bool) -> None:
    """The finding, its line, and a treated run that learned."""
    name = lr_rises.LrRises.name
    report = sgd_doctor.diagnose(lambda: train(gamma), steps=60, budget=30, seed=0, select=name)
    findings = [finding for finding in report.findings if finding.check == name]
    assert bool(findings) is found
    if found:
        assert findings[0].confidence.value == "confirmed"
        assert "gamma=gamma" in findings[0].location.code
        assert findings[0].proof.treated < 0.1
