"""The report as workflow commands of GitHub Actions: an annotation at each line."""

from __future__ import annotations

from pathlib import Path

from sgd_doctor.findings import Finding, Severity
from sgd_doctor.render import words
from sgd_doctor.report import Report

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}


def text(report: Report, root: Path | None = None) -> str:
    """One ``::error file=...`` line for each finding, after one plain line with the verdict.

    Args:
        report: What to render.
        root: The checkout that paths are made relative to; the working directory by default.
    """
    report = words.printable(report)
    base = Path.cwd() if root is None else root
    verdict = f"sgd-doctor: {report.verdict}: {words.summary(report)}"
    # The runner also obeys the old form "##[command]", anywhere in a line.
    lines = [verdict.replace("##[", "# #[")]
    lines += [_annotation(report, finding, base) for finding in report.findings]
    return "\n".join(lines) + "\n"


def _annotation(report: Report, finding: Finding, root: Path) -> str:
    properties = []
    if finding.location is not None:
        where = finding.location
        properties += [("file", words.relative_path(where.path, root)), ("line", str(where.line))]
        if where.end_line > where.line:
            properties.append(("endLine", str(where.end_line)))
    elif report.target.path and report.target.kind == "script":
        properties += [("file", words.relative_path(report.target.path, root)), ("line", "1")]
    properties.append(("title", f"{finding.check} ({finding.confidence.value})"))
    fields = ",".join(f"{key}={_property(value)}" for key, value in properties)
    return f"::{_COMMANDS[finding.severity]} {fields}::{_data(_message(finding))}"


def _message(finding: Finding) -> str:
    parts = [words.one_line(finding.title)]
    if finding.proof is not None:
        parts.append(f"Proof: {words.proof_sentence(finding.proof)}")
    if finding.fix.text.strip():
        parts.append(f"Fix: {words.one_line(finding.fix.text)}")
    if finding.fix.diff:
        parts.append(finding.fix.diff.strip("\n"))
    return "\n".join(parts)


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
