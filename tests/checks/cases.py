"""Small real scripts, diagnosed as a user would: a fault is named first at its line, a healthy pattern is not named."""

from __future__ import annotations

from pathlib import Path

from sgd_doctor.findings import Finding, Severity
from sgd_doctor.options import Options
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Target
from tests.helpers import write
from tests.warm import diagnose

NEAR = 2
"""Lines by which a finding may miss the marked one."""
MARK = "# here"
"""Ends the line at which the fault has to be named."""
STEPS = 80

DATA = """
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
X = torch.randn(400, 10)
two = (X[:, :3].sum(1) > 0).long()
three = torch.bucketize(X[:, :3].sum(1), torch.tensor([-1.0, 1.0]))
hard = (X[:, :3].prod(1) > 0).long()


def batch(step, size=32):
    return torch.arange(step * size, (step + 1) * size) % len(X)
"""
"""What most of the scripts begin with."""

LOOP = """
for step in range(120):
    i = batch(step)
    loss = {loss}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def diagnosed(folder: Path, script: str, steps: int = STEPS, only: tuple[str, ...] = ()) -> Report:
    """The report on a script; ``only`` names the checks to ask."""
    path = write(folder / "train.py", script)
    return diagnose(Target("script", str(path), ()), Options(steps=steps, select=only)).report


def fault(folder: Path, script: str, check: str, steps: int = STEPS, severity: Severity | None = None) -> Finding:
    """The first problem of the script, which has to be ``check`` at the marked line."""
    report = diagnosed(folder, script, steps)
    said = [(f.check, f.title) for f in report.findings]
    assert not [n for n in report.notes if f"check {check}" in n], report.notes
    assert report.problems, said
    first = report.problems[0]
    assert first.check == check, said
    lines = [n for n, text in enumerate((folder / "train.py").read_text().splitlines(), 1) if MARK in text]
    assert first.location is not None, first
    assert any(abs(first.location.line - line) <= NEAR for line in lines), (first.location, lines)
    assert severity is None or first.severity is severity
    assert first.fix.text
    return first


def silent(folder: Path, script: str, check: str, steps: int = 40) -> None:
    """Nothing is said by ``check``, not even advice."""
    report = diagnosed(folder, script, steps, (check,))
    assert not [n for n in report.notes if f"check {check}" in n], report.notes
    assert not report.findings, [(f.check, f.severity, f.title) for f in report.findings]


def advised(folder: Path, script: str, check: str, steps: int = STEPS) -> Finding:
    """``check`` gives advice, and no more than that."""
    report = diagnosed(folder, script, steps, (check,))
    assert [(f.check, f.severity) for f in report.findings] == [(check, Severity.ADVICE)], report.findings
    return report.findings[0]
