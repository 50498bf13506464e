"""The words, numbers and escapes that all faces of a report share."""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sgd_doctor.findings import Evidence, Finding, Location, Proof, Severity, finite
from sgd_doctor.render.columns import hyper_series
from sgd_doctor.report import ProbeInfo, Report, RuledOut, SuggestedLr

S = TypeVar("S", bound=msgspec.Struct)

# Everything that moves the cursor, hides text or reorders it: C0 but tab and newline, DEL, C1,
# line separators, bidi controls ("Trojan Source"), zero-width marks, lone surrogates, noncharacters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_DIFF_HEADER = re.compile(r"^--- .*\n\+\+\+ .*\n", re.MULTILINE)

ENDED = {
    "step-limit": "stopped at the step limit",
    "finished": "the run finished",
    "time-limit": "stopped at the time limit",
    "crashed": "the run crashed",
    "killed": "the run was killed",
    "interrupted": "the run was interrupted",
}
METRICS = {"task_loss": "task error", "lr": "learning rate"}
CONTROL = "none"
"""The intervention of a control run: nothing changed."""


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def clean(text: str, *, ascii_only: bool = False) -> str:
    """``text`` with everything unprintable written out (``\\x1b``); tabs and newlines stay."""
    text = _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))
    return text.encode("ascii", "backslashreplace").decode() if ascii_only else text


def one_line(text: str) -> str:
    """``text`` cleaned, with all white space runs made one blank."""
    return " ".join(clean(text).split())


def printable(value: S, *, ascii_only: bool = False) -> S:
    """A copy of ``value`` in which every text is :func:`clean`.

    Faces clean the whole report first, so that no single text can be forgotten.
    """

    def walk(node: Any) -> Any:
        if isinstance(node, str):
            return clean(node, ascii_only=ascii_only)
        if isinstance(node, dict):
            return {walk(key): walk(item) for key, item in node.items()}
        if isinstance(node, (list, tuple)):
            return [walk(item) for item in node]
        return node

    return msgspec.convert(walk(msgspec.to_builtins(value)), type(value))


def number(value: float | int | str | None, missing: str = "not finite") -> str:
    """Four significant digits at most, in the form that reads best."""
    if value is None:
        return missing
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, float) and not math.isfinite(value):
        return missing
    if value == 0:
        return "0"
    if isinstance(value, int) and abs(value) < 10**9:
        return str(value)
    if 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.4g}'):.6f}".rstrip("0").rstrip(".")
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def metric_name(metric: str) -> str:
    """What people call a column: ``task_loss`` is the task error."""
    return METRICS.get(metric, one_line(metric).replace("_", " "))


def plural(count: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def place(location: Location) -> str:
    """``train.py:14``, or ``train.py:14-16``."""
    end = f"-{location.end_line}" if location.end_line > location.line else ""
    return f"{one_line(location.path)}:{location.line}{end}"


def timeline_file(report: Report) -> str:
    """The file that all events of the timeline come from; empty where there are several."""
    paths = {entry.location.path for entry in report.timeline if entry.location is not None}
    return one_line(paths.pop()) if len(paths) == 1 else ""


def code_lines(location: Location, limit: int = 8) -> list[tuple[int, str]]:
    """The numbered lines of a location, without common indentation; long ones end in ``...``."""
    lines = textwrap.dedent(location.code.expandtabs(4)).strip("\n").split("\n")
    if not any(line.strip() for line in lines):
        return []
    numbered = [(location.line + index, line.rstrip()) for index, line in enumerate(lines)]
    return numbered if len(lines) <= limit else [*numbered[: limit - 1], (location.line + limit - 1, "...")]


def evidence_sentence(evidence: Evidence) -> str:
    """What was seen, and what a healthy run shows."""
    text = one_line(evidence.text) or metric_name(evidence.signal)
    return text[:-1] if text.endswith(".") else text


def evidence_numbers(evidence: Evidence) -> str:
    """The signal with its numbers: ``batch change 0.41, healthy: < 0``."""
    signal = metric_name(evidence.signal)
    expected = one_line(evidence.expected)
    return f"{signal} {number(evidence.observed)}" + (f", healthy: {expected}" if expected else "")


def noise(proof: Proof) -> str:
    """``±0.02``, or nothing where the noise was not measured."""
    return "" if finite(proof.noise) is None else f"±{number(proof.noise)}"


def effect(proof: Proof) -> str:
    """How far apart the two runs are, in words; empty where numbers cannot say it."""
    base, treated = finite(proof.baseline), finite(proof.treated)
    if base is None or treated is None:
        return "" if treated is None else "the change makes it finite"
    if not (base > 0 and treated > 0 and math.isfinite(base / treated)):
        return ""
    ratio = max(base / treated, treated / base)
    if not ratio >= 1.1:
        return ""
    return f"{number(float(f'{ratio:.2g}'))} times {'lower' if treated < base else 'higher'}"


def measure(proof: Proof) -> str:
    """What was compared: ``loss after 50 steps``."""
    after = f" after {plural(proof.steps, 'step')}" if proof.steps > 0 else ""
    return metric_name(proof.metric) + after


def proof_sentence(proof: Proof) -> str:
    """Both runs and their noise in one line."""
    margin = f"; noise {noise(proof)}" if noise(proof) else ""
    return (
        f"{measure(proof)}: {number(proof.baseline)} as written, "
        f"{number(proof.treated)} when changed ({one_line(proof.intervention)}){margin}"
    )


def brief_diff(diff: str, context: int = 1) -> list[str]:
    """The changed lines of a unified diff with little around them; hunks are parted by ``...``."""
    lines = [line for line in _DIFF_HEADER.sub("", diff).split("\n") if not line.startswith("\\")]
    changed = [index for index, line in enumerate(lines) if line[:1] in ("+", "-")]
    keep = {near for index in changed for near in range(index - context, index + context + 1)}
    shown: list[str] = []
    for index, line in enumerate(lines):
        if line.startswith("@@"):
            shown += ["..."] if shown else []
        elif index in keep and line.strip():
            shown.append(line)
    return shown


def fix_status(finding: Finding) -> str:
    """Whether the change itself was run, and what it measured."""
    if finding.fix.verified:
        measured = f": {one_line(finding.fix.measured)}" if finding.fix.measured else ""
        return f"This change was run{measured}"
    if finding.fix.measured:
        return one_line(finding.fix.measured)
    return "This change was not run" if finding.fix.diff else ""


def first_cause(report: Report) -> Finding | None:
    """The problem to fix first."""
    return report.problems[0] if report.problems else None


def counts(report: Report) -> str:
    """``1 error, 2 warnings``."""
    found = [(level, sum(f.severity is level for f in report.findings)) for level in Severity]
    nouns = {Severity.ERROR: "error", Severity.WARNING: "warning"}
    parts = [plural(n, nouns[level]) if level in nouns else f"{n} advice" for level, n in found if n]
    return ", ".join(parts) or "nothing found"


def target_name(report: Report) -> str:
    """What was diagnosed, as the user would call it."""
    path = one_line(report.target.path) if report.target.path else f"({one_line(report.target.kind)})"
    return " ".join([path, *(one_line(item) for item in report.target.argv)])


def summary(report: Report) -> str:
    """The verdict in words."""
    if report.summary.strip():
        return one_line(report.summary)
    if report.verdict == "healthy":
        return f"No errors and no warnings in {plural(report.run.steps, 'step')}."
    if report.verdict == "inconclusive":
        return "Too little was seen to say whether this training works."
    return f"Found: {counts(report)}."


def ended(report: Report) -> str:
    """One sentence on the observed run."""
    run = report.run
    how = ENDED.get(run.ended, one_line(run.ended))
    return f"{plural(run.steps, 'step')} in {duration(run.seconds)} on {one_line(run.device)}; {how}"


def duration(seconds: float) -> str:
    """``6.1 s``, ``2 min 5 s``."""
    if not seconds < 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s" if math.isfinite(seconds) else "unknown time"
    return f"{number(float(f'{seconds:.2g}'))} s"


def suggestion(found: SuggestedLr) -> str:
    """The suggested learning rate with its range and what it measured."""
    ranged = f" ({number(found.low)} to {number(found.high)} train about as well)" if found.low < found.high else ""
    written = "as written" if 0.99 < found.lr / found.written < 1.01 else f"instead of {number(found.written)}"
    with_ = f", with {one_line(' + '.join(found.together_with))}" if found.together_with else ""
    text = (
        f"lr {number(found.lr)}{ranged}, {written}{with_}: {metric_name(found.metric)} {number(found.value)} after "
        f"{plural(found.steps, 'step')}; the search took {plural(found.probe_steps, 'probe step')}"
    )
    return text if found.learned else f"{text}. No rate learned much: look for another cause first"


def facts(report: Report) -> list[tuple[str, str]]:
    """Environment and circumstances, as label and value."""
    run = report.run
    rows = [
        ("Target", f"{target_name(report)} ({one_line(report.target.kind)})"),
        ("Observed", ended(report)),
    ]
    rows.append(("Probes", f"{plural(len(run.probes), 'run')}, replayed by {run.replay}" if run.probes else "none"))
    if run.overhead is not None and math.isfinite(run.overhead):
        rows.append(("Recording cost", f"{max(0.0, run.overhead - 1) * 100:.0f} % of the run time"))
    for name, series in hyper_series(report):
        values = {value for value in map(finite, series) if value is not None}
        if len(values) == 1:
            rows.append((name.capitalize(), f"{number(values.pop())} in all steps"))
    rows += [(one_line(name), one_line(version)) for name, version in sorted(run.versions.items())]
    if report.tool.name not in run.versions:
        rows.append((report.tool.name, one_line(report.tool.version)))
    return rows


def grouped(items: tuple[RuledOut, ...]) -> list[tuple[str, list[str]]]:
    """Checks by common reason, in order of first appearance."""
    groups: dict[str, list[str]] = {}
    for item in items:
        groups.setdefault(one_line(item.reason), []).append(one_line(item.check))
    return list(groups.items())


def probe_name(probe: ProbeInfo) -> str:
    """The change of a probe; the control run by its meaning."""
    return "as written, run again" if probe.intervention == CONTROL else one_line(probe.intervention)


def relative_path(path: str, root: Path) -> str:
    """``path`` below ``root`` where it lies there, with forward slashes; of a notebook's cell, that of the notebook."""
    file, mark, cell = path.rpartition(".ipynb cell ")
    path = f"{file}.ipynb" if mark and cell.isdigit() else path
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return Path(path).as_posix()
