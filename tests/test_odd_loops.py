"""Loops as few people write them are watched whole, judged right, and compute what they compute natively."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
from sgd_doctor.options import Options
from sgd_doctor.render import FORMATS, render
from sgd_doctor.run.launch import Target
from tests import warm
from tests.helpers import write
from tests.numbers import compare
from tests.odd_loops import LOOPS

FIRST = ("complex", "nested tensors", "returns dataclass", "fake tensors", "flop counter", "training in a thread")
OUR_FAULT = ("failed", "only the numbers", "not recorded", "could not start")


@pytest.mark.parametrize("case", [c if c in FIRST else pytest.param(c, marks=pytest.mark.long) for c in LOOPS])
def test_odd_loop_is_watched_whole_and_unchanged(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "project" / "train.py", LOOPS[case])
    monkeypatch.chdir(path.parent)
    outcome = warm.diagnose(Target("script", path.name), Options(probes=False, time_limit=60.0))
    report = outcome.report
    assert report.run.ended == "finished"
    assert [f.check for f in report.problems] == []
    assert [n for n in report.notes if any(word in n for word in OUR_FAULT)] == []
    assert report.run.steps >= 10
    for form in FORMATS:
        assert render(report, form)
    compare(path, (), tmp_path)


def test_weights_in_another_memory_format_are_seen_to_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "train.py", LOOPS["channels last"])
    monkeypatch.chdir(tmp_path)
    recording = warm.diagnose(Target("script", "train.py"), Options(probes=False)).recording
    ratios = recording.column("update_ratio")
    assert (ratios[:20] > 0).all()


def test_steps_of_an_optimizer_that_asks_again_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "train.py", LOOPS["lbfgs"])
    monkeypatch.chdir(tmp_path)
    recording = warm.diagnose(Target("script", "train.py"), Options(probes=False)).recording
    assert recording.steps == 10
    assert not recording.facts.manual_steps
