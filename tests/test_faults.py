"""Whatever a script does to itself, its report says what happened, nobody's files change and no process stays."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
from sgd_doctor.options import Options
from sgd_doctor.render import FORMATS, render
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Target
from tests import warm
from tests.faults import FAULTS
from tests.helpers import same_tree, tree

OUR_FAULT = ("failed", "only the numbers", "not recorded", "could not start")
LONG = ("out of memory", "prints 100 MB", "removes the temporary folder", "trains in a process of its own")


def diagnosed(case: str, folder: Path) -> Report:
    """The report of one of the scripts, whose folder is as before."""
    text = FAULTS[case].text
    (folder / "train.py").write_bytes(text.encode("latin-1" if "latin-1" in text else "utf-8"))
    before = tree(folder)
    report = warm.diagnose(Target("script", "train.py"), Options(probes=False, time_limit=60.0)).report
    assert same_tree(before, tree(folder)) == []
    return report


def judge(case: str, report: Report) -> list[str]:
    """What is wrong with the report."""
    expected = FAULTS[case]
    found = {
        "verdict": (report.verdict, expected.verdict),
        "ended": (report.run.ended, expected.ended),
        "first finding": (report.findings[0].check if report.problems else None, expected.check),
        "notes of failures": ([n for n in report.notes if any(word in n for word in OUR_FAULT)], []),
    }
    said = [f"{what}: {seen!r}, not {wanted!r}" for what, (seen, wanted) in found.items() if seen != wanted]
    if report.run.steps < expected.steps and expected.ended != "killed":
        said.append(f"{report.run.steps} steps, not {expected.steps}")
    if not all(render(report, form) for form in FORMATS):
        said.append("a form of the report is empty")
    return said


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.long) if c in LONG else c for c in FAULTS])
def test_report_is_right_whatever_happens(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert judge(case, diagnosed(case, tmp_path)) == []
