"""The report as SARIF 2.1.0: for code scanning and editors."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sgd_doctor.findings import Confidence, Finding, Location, Severity
from sgd_doctor.render import words
from sgd_doctor.report import Report

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}
_PRECISION = {Confidence.CONFIRMED: "very-high", Confidence.LIKELY: "high", Confidence.POSSIBLE: "medium"}
_ROOT = "%SRCROOT%"
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


def text(report: Report, root: Path | None = None) -> str:
    """The report as SARIF text.

    Args:
        report: What to render.
        root: The checkout that paths are made relative to; the working directory by default.
    """
    report = words.printable(report)
    base = Path.cwd() if root is None else root
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report, base)]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _run(report: Report, root: Path) -> dict[str, Any]:
    rules = list({finding.check: finding for finding in reversed(report.findings)}.values())[::-1]
    index = {finding.check: position for position, finding in enumerate(rules)}
    seen: Counter[str] = Counter()
    invocation: dict[str, Any] = {"executionSuccessful": True}
    if report.run.command:
        invocation["commandLine"] = report.run.command
    return {
        "tool": {
            "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "rules": [_rule(finding) for finding in rules],
            }
        },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(report, finding, index, root, seen) for finding in report.findings],
        "properties": {"verdict": report.verdict, "summary": words.summary(report)},
    }


def _rule(finding: Finding) -> dict[str, Any]:
    name = "".join(part.capitalize() for part in re.split(r"[^0-9A-Za-z]+", finding.check))
    return {
        "id": finding.check,
        "name": name or "Finding",
        "shortDescription": {"text": finding.check.replace("-", " ") or "finding"},
        "help": {"text": f"sgd-doctor explain {finding.check}"},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {"precision": _PRECISION[finding.confidence], "tags": ["training"]},
    }


def _result(report: Report, finding: Finding, index: dict[str, int], root: Path, seen: Counter[str]) -> dict[str, Any]:
    where = finding.location or _script_start(report)
    print_of = _fingerprint(finding, where, root)
    seen[print_of] += 1
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": index[finding.check],
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        # The line number is left out: an edit above the line must not make a new alert.
        "partialFingerprints": {"sgdDoctor/v1": f"{print_of}:{seen[print_of]}"},
        "properties": {"confidence": finding.confidence.value, "explains": list(finding.explains)},
    }
    if where is not None:
        result["locations"] = [{"physicalLocation": _physical(where, root)}]
        fixes = _fixes(finding, where, root)
        if fixes:
            result["fixes"] = fixes
    return result


def _script_start(report: Report) -> Location | None:
    """Code scanning refuses a result without a place: the script itself stands in."""
    if not report.target.path or report.target.kind not in ("script", "notebook"):
        return None
    return Location(report.target.path, 1, 1, "")


def _message(finding: Finding) -> str:
    parts = [words.one_line(finding.title) or finding.check]
    if finding.proof is not None:
        parts.append(f"Proof: {words.proof_sentence(finding.proof)}.")
    parts += [f"{words.evidence_sentence(item)}." for item in finding.evidence]
    if finding.fix.text.strip():
        parts.append(f"Fix: {words.one_line(finding.fix.text)}")
    return "\n".join(parts)


def _artifact(path: str, root: Path) -> dict[str, Any]:
    relative = words.relative_path(path, root)
    if relative.startswith("/"):
        return {"uri": f"file://{quote(relative)}"}
    return {"uri": quote(relative), "uriBaseId": _ROOT}


def _physical(where: Location, root: Path) -> dict[str, Any]:
    start = max(1, where.line)
    region: dict[str, Any] = {"startLine": start, "endLine": max(start, where.end_line)}
    if where.code:
        region["snippet"] = {"text": where.code}
    return {"artifactLocation": _artifact(where.path, root), "region": region}


def _fingerprint(finding: Finding, where: Location | None, root: Path) -> str:
    place = "" if where is None else f"{words.relative_path(where.path, root)}\n{where.code.strip()}"
    return hashlib.sha256(f"{finding.check}\n{place}".encode()).hexdigest()[:32]


def _fixes(finding: Finding, where: Location, root: Path) -> list[dict[str, Any]]:
    """The diff as replacements, only where the change itself was run."""
    diff = finding.fix.diff
    if not diff or not finding.fix.verified or not _changes_only(diff, where.path):
        return []
    replacements = _replacements(diff)
    if not replacements:
        return []
    change = {"artifactLocation": _artifact(where.path, root), "replacements": replacements}
    return [{"description": {"text": words.one_line(finding.fix.text)}, "artifactChanges": [change]}]


def _changes_only(diff: str, path: str) -> bool:
    """Whether the diff is about this one file."""
    names = [line[4:].split("\t")[0].strip() for line in diff.split("\n") if line.startswith("+++ ")]
    return len(names) == 1 and Path(names[0]).name == Path(path).name


def _replacements(diff: str) -> list[dict[str, Any]]:
    """One replacement of whole lines for each hunk of a unified diff; none where a hunk has no old line."""
    found: list[dict[str, Any]] = []
    new: list[str] = []
    for line in diff.split("\n"):
        hunk = _HUNK.match(line)
        if hunk:
            start, count = int(hunk[1]), int(hunk[2] or 1)
            if count == 0:
                return []
            new = []
            region = {"startLine": start, "endLine": start + count - 1}
            found.append({"deletedRegion": region, "_new": new})
        elif found and line[:1] in (" ", "+"):
            new.append(line[1:])
    return [
        {"deletedRegion": item["deletedRegion"], "insertedContent": {"text": "\n".join(item["_new"])}} for item in found
    ]
