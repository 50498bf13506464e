"""scheduler-misused: a schedule that uses the rate up too early is named, one that ends at nothing is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "scheduler-misused"
EPOCHS = (
    DATA
    + """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
scheduler = torch.optim.lr_scheduler.{schedule}  # here
for epoch in range({epochs}):
    for step in range(10):
        i = batch(step)
        loss = F.cross_entropy(model(X[i]), three[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
"""
)


def test_rate_that_is_used_up_after_a_few_epochs_is_named(tmp_path: Path) -> None:
    script = EPOCHS.format(schedule="StepLR(optimizer, step_size=1, gamma=0.1)", epochs=20)
    found = fault(tmp_path, script, NAME, steps=200)
    assert "gamma=" in found.fix.text
    assert found.fix.diff
    assert found.fix.verified


def test_rate_that_the_script_lowers_too_often_is_named(tmp_path: Path) -> None:
    decay = "\n        optimizer.param_groups[0]['lr'] *= 0.9\n    pass"
    script = EPOCHS.format(schedule="StepLR(optimizer, 1)", epochs=15).replace("\n    scheduler.step()", decay)
    lines = [line for line in script.splitlines() if not line.startswith("scheduler")]
    script = "\n".join(lines).replace("lr=0.05)", "lr=0.05)  # here")
    assert "scheduler" not in script
    found = fault(tmp_path, script, NAME, steps=150)
    assert "the script has used" in found.title


def test_warm_up_that_the_run_never_leaves_is_named(tmp_path: Path) -> None:
    script = EPOCHS.format(schedule="LambdaLR(optimizer, lambda e: min(1.0, (e + 1) / 500))", epochs=12)
    script = script.replace("  # here", "").replace("    scheduler.step()", "    scheduler.step()  # here")
    found = fault(tmp_path, script, NAME, steps=150)
    assert "warming up" in found.title


HEALTHY = {
    "warm-up of two epochs": ("LambdaLR(optimizer, lambda e: min(1.0, (e + 1) / 3))", 12),
    "cut by ten every third of the run": ("StepLR(optimizer, step_size=4, gamma=0.1)", 12),
    "cosine to 0": ("CosineAnnealingLR(optimizer, 12)", 12),
    "slow decay": ("ExponentialLR(optimizer, 0.9)", 12),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_schedule_that_lasts_as_long_as_the_run_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    schedule, epochs = HEALTHY[kind]
    silent(tmp_path, EPOCHS.format(schedule=schedule, epochs=epochs), NAME, steps=150)
