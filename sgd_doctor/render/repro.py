"""The confirmed experiment as a script that anybody can run."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sgd_doctor.findings import Finding
from sgd_doctor.render import words
from sgd_doctor.report import Report

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_RUNS_ALONE = ("script", "module")
_FALLBACK_STEPS = 60
"""Where the proof names no number of steps; as many as the edited script itself was run for."""
Hunk = tuple[int, list[str], list[str]]


def text(report: Report, seed: int = 0) -> str | None:
    """The script; None where there is nothing to repeat (no problem, or no file that could be run).

    Without sgd-doctor where the cause's change is an edit of the source and the loss compares the runs.
    """
    cause = words.first_cause(report)
    target = report.target
    if cause is None or target.path is None or target.kind not in (*_RUNS_ALONE, "notebook"):
        return None
    common = {"title": _docstring(cause.title), "target": _docstring(words.target_name(report))}
    reason = needs_tool(report, cause)
    if reason:
        options = [*(["-m"] if target.kind == "module" else []), target.path, *target.argv]
        command = repr(["--seed", str(seed), *options])
        return _environment().get_template("repro_tool.py.j2").render(**common, reason=reason, command=command)
    return _alone(report, cause, seed, common)


def needs_tool(report: Report, cause: Finding) -> str:
    """Why the experiment cannot be repeated without sgd-doctor; empty where it can."""
    if report.target.kind not in _RUNS_ALONE:
        return f"a {report.target.kind} is no program of its own"
    if not (cause.fix.diff and cause.fix.verified):
        return "the change is not an edit of the source that was run"
    if cause.proof is not None and cause.proof.metric != "loss":
        return f"the runs are compared by the {words.metric_name(cause.proof.metric)}, not by the loss"
    return "" if hunks(cause.fix.diff) else "the change cannot be told by lines"


def hunks(diff: str) -> list[Hunk]:
    """First line, old lines and new lines of each hunk of a unified diff."""
    found: list[Hunk] = []
    for line in diff.split("\n"):
        head = _HUNK.match(line)
        if head:
            found.append((int(head[1]) + (head[2] == "0"), [], []))
        elif found and line[:1] in ("-", " "):
            found[-1][1].append(line[1:])
        if found and not head and line[:1] in ("+", " "):
            found[-1][2].append(line[1:])
    return found


def _alone(report: Report, cause: Finding, seed: int, common: dict[str, str]) -> str:
    target, place, diff = report.target, cause.location, cause.fix.diff or ""
    changed = place.path if place is not None else target.path
    steps = cause.proof.steps if cause.proof is not None else min(report.run.steps, _FALLBACK_STEPS)
    values: dict[str, Any] = {
        "name": repr(target.path),
        "arguments": repr(list(target.argv)),
        "as_module": target.kind == "module",
        "steps": max(1, steps),
        "seed": seed,
        "changed": repr(changed),
        "hunks": [(start, list(map(repr, old)), list(map(repr, new))) for start, old, new in hunks(diff)],
        "change": repr(words.one_line(cause.fix.text)),
    }
    return _environment().get_template("repro.py.j2").render(**common, **values)


def _docstring(text: str) -> str:
    """``text`` as it may stand in a docstring."""
    return words.one_line(text).replace("\\", "\\\\").replace('"', "'")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("sgd_doctor.render", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
