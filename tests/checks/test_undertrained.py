"""undertrained: a script of a few steps is told so, and is not called unhealthy for it."""

from __future__ import annotations

from pathlib import Path

from tests.checks.cases import DATA, diagnosed

MODEL = """
model = nn.Linear(10, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range({steps}):
    i = batch(step)
    loss = F.cross_entropy(model(X[i]), three[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_few_steps_are_advice_only(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, DATA + MODEL.format(steps=4))
    assert not report.problems
    titles = [f.title for f in report.findings if f.check == "undertrained"]
    assert titles == ["the script makes only 4 optimizer steps"]


def test_longer_script_is_left_in_peace(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, DATA + MODEL.format(steps=60))
    assert not [f for f in report.findings if f.check == "undertrained"]
