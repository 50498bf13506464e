"""Scripts as strangers write them: the right cause first, proven and on the right line; healthy ones in peace.

``benchmarks/accuracy.py`` runs all of them and prints a table; here one script for each cause is run, and
every healthy pattern that is easily mistaken for a fault (all with ``SGD_DOCTOR_ALL_SAMPLES=1``).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sgd_doctor.loader import load_checks
from sgd_doctor.options import Options
from sgd_doctor.report import json_schema
from sgd_doctor.run.launch import Target
from tests.helpers import ROOT, same_tree, tree
from tests.warm import diagnose

sys.path.insert(0, str(ROOT / "benchmarks"))
from accuracy import SAMPLES, entries, judge

sys.path.remove(str(ROOT / "benchmarks"))

ENTRIES = list(entries())
FIRST = (
    "misc/two_samples.py",
    "misc/passthrough.py",
    "classification/iris_epochs.py",
    "classification/iris_v2.py",
    "regression/lbfgs_fit.py",
    "sequence/adder.py",
)
HEALTHY_EVERY = 6


def chosen() -> list[dict[str, Any]]:
    """One script for each cause, and every sixth of the others."""
    if os.environ.get("SGD_DOCTOR_ALL_SAMPLES"):
        return ENTRIES
    causes: set[str] = set()
    found = [e for e in ENTRIES if e["path"] in FIRST]
    for number, entry in enumerate(ENTRIES):
        cause = entry.get("cause", "")
        if entry not in found and (cause not in causes if cause else number % HEALTHY_EVERY == 0):
            found.append(entry)
        causes.add(cause)
    return found


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, id=e["path"], marks=() if e["path"] in FIRST else pytest.mark.long) for e in chosen()],
)
def test_script_gets_what_it_must(entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = SAMPLES / entry["path"]
    monkeypatch.chdir(path.parent)
    before = tree(SAMPLES)
    report = diagnose(Target("script", path.name, tuple(entry.get("argv", ()))), Options()).report
    row = judge(entry, report, 0.0)
    said = [f"{f.check} ({f.confidence.value}): {f.title}" for f in row.report.problems]
    said += [f"{r.check}: {r.reason}" for r in row.report.ruled_out]
    assert row.right, said
    assert same_tree(before, tree(SAMPLES)) == []
    jsonschema.validate(json.loads(row.report.to_json()), json_schema())


def test_table_is_complete_and_true() -> None:
    known, _ = load_checks()
    paths = [e["path"] for e in ENTRIES]
    assert len(paths) == len(set(paths))
    scripts = {str(p.relative_to(SAMPLES)) for p in SAMPLES.rglob("*.py")}
    assert set(paths) <= scripts
    for entry in ENTRIES:
        assert entry["expect"] in ("faulty", "healthy", "inconclusive"), entry["path"]
        if entry["expect"] != "faulty":
            continue
        assert entry["cause"] in known, entry["path"]
        assert set(entry.get("also", ())) <= set(known), entry["path"]
        length = len((SAMPLES / entry["path"]).read_text().splitlines())
        assert all(1 <= line <= length for line in entry["lines"]), entry["path"]
        if "repaired" in entry:
            twin = next(e for e in ENTRIES if e["path"] == entry["repaired"])
            assert twin["expect"] == "healthy", entry["path"]


def test_every_check_has_a_script_or_a_test_of_its_own() -> None:
    known, _ = load_checks()
    shown = {e.get("cause") for e in ENTRIES} | {name for e in ENTRIES for name in e.get("also", ())}
    tested = {p.stem.removeprefix("test_").replace("_", "-") for p in (ROOT / "tests" / "checks").glob("test_*.py")}
    assert set(known) - shown - tested == set()


def test_names_and_comments_give_nothing_away() -> None:
    words = ("bug", "wrong", "fault", "broken", "too high", "too low", "missing", "forgot", "fixme")
    for path in sorted(Path(SAMPLES).rglob("*.py")):
        comments = [line.split("#", 1)[1].lower() for line in path.read_text().splitlines() if "#" in line]
        assert not any(word in comment for word in words for comment in comments), path.name
        assert not any(word.replace(" ", "_") in path.stem for word in words), path.name
