"""Diagnose every sample script and compare with ``sample_scripts/expected.toml``.

Usage: ``python benchmarks/accuracy.py [--only TEXT] [--verbose] [--fixes] [--part K/N] [--samples DIR]
[--json FILE]``.  Prints one line a script and the totals.  ``--fixes`` also runs each edited script to its end, beside
the broken and the repaired one.  ``--samples`` takes the scripts of another folder with its ``expected.toml``;
``--json`` keeps what was found for ``peers.py``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from fixes import Repair, repair

from sgd_doctor.options import Options
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Target
from sgd_doctor.session import diagnose_target
from sgd_doctor.start import Talk

SAMPLES = Path(__file__).resolve().parent.parent / "sample_scripts"
NEAR_LINES = 2


@dataclass
class Row:
    """One script: what was expected and what came."""

    path: str
    expect: str
    cause: str
    report: Report
    seconds: float
    first: bool
    among: bool
    located: bool
    confirmed: bool
    quiet: bool
    then: str = ""
    second: bool = True
    """Whether the other of two faults stands after the first, at its place."""
    repair: Repair | None = None

    @property
    def right(self) -> bool:
        if self.expect == "faulty":
            return self.first and self.confirmed and self.located and self.second
        return self.quiet


def entries(only: str = "", samples: Path = SAMPLES) -> Iterator[dict[str, Any]]:
    """The expectations in ``samples`` whose path or cause contains ``only``, each with its ``folder``."""
    table = tomllib.loads((samples / "expected.toml").read_text())
    for entry in table["script"]:
        if only in entry["path"] or only == entry.get("cause", ""):
            yield entry | {"folder": samples}


def judge(entry: dict[str, Any], report: Report, seconds: float) -> Row:
    """Compare one report with its expectation."""
    names = [f.check for f in report.problems]
    cause = entry.get("cause", "")
    top = report.problems[0] if report.problems else None
    line = top.location.line if top is not None and top.location is not None else -99
    # Two faults may be mended in either order.
    wanted = {cause: entry.get("lines", [])} | ({entry["then"]: entry["then_lines"]} if "then" in entry else {})
    return Row(
        path=entry["path"],
        expect=entry["expect"],
        cause=cause,
        report=report,
        seconds=seconds,
        first=bool(names) and names[0] in wanted,
        among=cause in names[:3],
        located=bool(names) and any(abs(line - near) <= NEAR_LINES for near in wanted.get(names[0], [])),
        confirmed=top is not None and top.confidence.value == entry.get("confidence", "confirmed"),
        then=entry.get("then", ""),
        second=all(_after(report, check, lines) for check, lines in wanted.items() if check not in names[:1]),
        quiet=entry.get("advice", "") in ("", *(f.check for f in report.findings))
        and not names
        and (report.verdict == "inconclusive") == (entry["expect"] == "inconclusive"),
    )


def _after(report: Report, check: str, lines: list[int]) -> bool:
    """Whether ``check`` is a problem behind the first one, near one of ``lines``."""
    found = [f for f in report.problems[1:] if f.check == check and f.location is not None]
    return any(abs(f.location.line - line) <= NEAR_LINES for f in found if f.location for line in lines)


def diagnose(entry: dict[str, Any], fixes: bool) -> Row:
    """Diagnose one script from its own folder."""
    path = entry["folder"] / entry["path"]
    os.chdir(path.parent)
    started = time.monotonic()
    outcome = diagnose_target(Target("script", path.name, tuple(entry.get("argv", ()))), Options(), Talk())
    row = judge(entry, outcome.report, time.monotonic() - started)
    if fixes and row.expect == "faulty" and outcome.patched:
        row.repair = repair(entry, outcome.patched)
    return row


def findings(report: Report) -> list[dict[str, Any]]:
    """The findings in their order, as ``peers.py`` takes them: name, and whether it is an error or a warning."""
    return [{"text": f.check, "alarm": f in report.problems} for f in report.findings]


def show(row: Row, verbose: bool) -> None:
    """One line, and for wrong or verbose rows what was found."""
    found = ", ".join(f.check for f in row.report.problems) or row.report.verdict
    wanted = row.cause or row.expect
    fixed = any(f.fix.verified for f in row.report.problems)
    print(
        f"{'ok   ' if row.right else 'WRONG'} {row.path:<42} {wanted:<24} {found:<32} "
        f"{'diff' if fixed else '    '} {row.seconds:5.1f} s",
        flush=True,
    )
    if row.repair is not None:
        print(f"        {'edited' if row.repair.helps else 'NO HELP'}: {row.repair}", flush=True)
    if not row.right or verbose:
        for finding in row.report.findings:
            line = finding.location.line if finding.location else None
            print(f"        {finding.severity.value} {finding.check}:{line} {finding.title}")
            if finding.proof is not None:
                print(f"        proof {finding.proof}")
        for item in (*row.report.ruled_out, *row.report.not_checked):
            print(f"        - {item.check}: {item.reason}")
        print(f"        notes {row.report.notes}")


def totals(rows: list[Row]) -> None:
    """The figures of ``docs/accuracy.md``."""
    faulty = [r for r in rows if r.expect == "faulty"]
    others = [r for r in rows if r.expect != "faulty"]
    offered = [r for r in faulty if any(f.fix.verified for f in r.report.problems)]
    seconds = sorted(r.seconds for r in rows)
    spent = {
        kind: sorted(sum(p.steps for p in r.report.run.probes) for r in group)
        for kind, group in (("faulty", faulty), ("healthy", others))
        if group
    }
    print(f"\ncause first       {sum(r.first for r in faulty)}/{len(faulty)}")
    print(f"among first three {sum(r.among for r in faulty)}/{len(faulty)}")
    print(f"confirmed         {sum(r.confirmed for r in faulty)}/{len(faulty)}")
    print(f"within 2 lines    {sum(r.located for r in faulty)}/{len(faulty)}")
    print(f"diff run, offered {len(offered)}/{len(faulty)}")
    repairs = [r.repair for r in faulty if r.repair is not None and not math.isnan(r.repair.way)]
    if repairs:
        print(f"half way or more  {sum(r.helps for r in repairs)}/{len(repairs)} (full runs of the edited scripts)")
    two = [r for r in faulty if r.then]
    if two:
        print(f"both faults named {sum(r.first and r.second for r in two)}/{len(two)}")
    print(f"healthy, silent   {sum(r.quiet for r in others)}/{len(others)}")
    for kind, steps in spent.items():
        print(f"probe steps, {kind:<8} median {steps[len(steps) // 2]}, most {steps[-1]}")
    if seconds:
        print(f"seconds           median {seconds[len(seconds) // 2]:.1f}, most {seconds[-1]:.1f}")


def main() -> int:
    """Run the benchmark; 1 where a row is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--fixes", action="store_true", help="run every edited script to its end")
    parser.add_argument("--part", default="1/1", help="K/N: every N-th script, from the K-th on")
    parser.add_argument("--samples", type=Path, default=SAMPLES)
    parser.add_argument("--json", type=Path, help="write what was found there")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    rows = []
    kept = arguments.json.resolve() if arguments.json else None
    for entry in list(entries(arguments.only, arguments.samples.resolve()))[part - 1 :: parts]:
        rows.append(diagnose(entry, arguments.fixes))
        show(rows[-1], arguments.verbose)
        if kept is not None:
            kept.write_text(json.dumps({row.path: findings(row.report) for row in rows}))
    totals(rows)
    return int(not all(r.right for r in rows))


if __name__ == "__main__":
    raise SystemExit(main())
