"""Inject faults into the healthy sample scripts and see whether each is named.

Mutation operators change the source of the healthy scripts of ``sample_scripts/`` in one place. A mutant first runs
natively beside its script, with the same seeds: one that does not end clearly worse (``worse`` of ``corpus.py``) does
no harm and is counted apart, as is one that crashes, and one whose printed numbers cannot be compared. The others
are diagnosed, in forks of this process so that torch is imported once. The unmutated scripts are diagnosed, too.

    python benchmarks/injection.py --most 300 --json out.jsonl   a balanced sample; the file collects results, and a
                                                                 second call goes on where the first was cut
    python benchmarks/injection.py --only lr-x30                 one operator ("none": the unmutated scripts)
    python benchmarks/injection.py --script wine                 scripts whose path contains this
    python benchmarks/injection.py --part 1/4                    every fourth mutant
    python benchmarks/injection.py --report --json out.jsonl     only the tables
    python benchmarks/injection.py --show --only lr-x30 --script wine        the mutants' diffs
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import difflib
import json
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import injection_operators_data  # noqa: F401  the import enters its operators into the table
from accuracy import SAMPLES, entries
from corpus import Change, Run, run, worse
from injection_operators import OPERATORS, Operator
from injection_source import Source

from sgd_doctor.assemble import report_of
from sgd_doctor.diagnosis import Examiner
from sgd_doctor.lab import Lab
from sgd_doctor.options import Options, chosen_checks
from sgd_doctor.run.launch import Target
from sgd_doctor.start import run_spec
from tests.warm import WarmHarness

NONE = "none"
SEEDS = (0, 1)
"""A mutant hurts if it ends worse with each of these; the second is asked where the first leaves a doubt."""
NO_DOUBT = 3.0
"""A loss, or a share of errors, of so many times the script's is no matter of the seed."""
LEAST_LOSS = 0.02
"""Least loss, in units of the script's first loss, that a harmful fault costs: below it nothing was left to learn."""
Mutant = tuple[dict[str, Any], Operator, str]
"""Entry of ``expected.toml``, operator, and the mutant's text."""


@dataclass
class Row:
    """One mutant: what it did natively, and what was said about it."""

    script: str
    operator: str
    group: str
    native: str = ""
    problems: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    ruled_out: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def accepted(self) -> tuple[str, ...]:
        names = OPERATORS[self.operator].accepts if self.operator != NONE else ()
        return (*names, "script-crashed") if self.group == "crashes" else names

    @property
    def first(self) -> bool:
        return self.problems[:1] != [] and self.problems[0] in self.accepted

    @property
    def among(self) -> bool:
        return any(p in self.accepted for p in self.problems[:3])


def mutants(only: str, script: str) -> Iterator[Mutant]:
    """Each possible mutant."""
    for entry in entries():
        if entry["expect"] != "healthy" or script not in entry["path"]:
            continue
        source = Source((SAMPLES / entry["path"]).read_text())
        for name, operator in OPERATORS.items():
            edits = operator.make(source) if only in ("", name) else []
            if not edits:
                continue
            text = source.apply(edits)
            if parses(text):
                yield entry, operator, text


def parses(text: str) -> bool:
    """Whether edits at several places still make a program."""
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def balanced(found: list[Mutant], most: int, skip: int = 0) -> list[Mutant]:
    """At most so many, the same number of each operator as far as there are, scripts in a seeded random order.

    The first ``skip`` of that order are left out: where they have been looked at, the next are new.
    """
    queues: dict[str, list[Mutant]] = defaultdict(list)
    shuffled = list(found)
    random.Random(0).shuffle(shuffled)
    for item in shuffled:
        queues[item[1].name].append(item)
    rounds = max((len(q) for q in queues.values()), default=0)
    return [q[k] for k in range(rounds) for q in queues.values() if k < len(q)][skip : skip + most]


def in_its_folder(entry: dict[str, Any], text: str, folder: Path) -> Path:
    """A copy of the script's folder with ``text`` for the script."""
    script = SAMPLES / entry["path"]
    copy = folder / script.parent.name
    shutil.copytree(script.parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / script.name).write_text(text)
    return copy / script.name


@cache
def unmutated(path: str, argv: tuple[str, ...], seed: int) -> Run:
    """The native run of a script as it is."""
    return run(SAMPLES / path, list(argv), Change(seed=seed))


def clearly_worse(mutant: Run, good: Run, same_loss: bool) -> bool | None:
    """Whether the mutant ended worse; None where the two cannot be compared."""
    if good.exit != "ok":
        return None
    if mutant.steps == 0 < good.steps or mutant.moved == 0 < good.moved:
        return True
    if good.metric_name and good.metric_name == mutant.metric_name and (same_loss or good.higher_is_better):
        if good.higher_is_better:
            return worse(mutant, good)
        return worse(mutant, good) and not mutant.cost - good.cost < LEAST_LOSS * abs(good.first_loss)
    if good.metric_name or not same_loss:
        return None
    change = mutant.last_loss - good.last_loss
    return not change < max(0.08 * abs(good.last_loss), LEAST_LOSS * abs(good.first_loss))


def natively(entry: dict[str, Any], operator: Operator, script: Path) -> tuple[str, str]:
    """The mutant's group, and the numbers behind it."""
    argv = tuple(entry.get("argv", ()))
    words, verdicts = [], []
    for seed in SEEDS:
        good, mutant = unmutated(entry["path"], argv, seed), run(script, list(argv), Change(seed=seed))
        if mutant.exit not in ("ok", "too slow"):
            return "crashes", mutant.exit
        verdicts.append(clearly_worse(mutant, good, operator.same_loss))
        words.append(
            f"{good.metric_name or 'loss'} {good.metric:.4g} -> {mutant.metric:.4g}, "
            f"loss {good.last_loss:.4g} -> {mutant.last_loss:.4g}"
        )
        if not verdicts[-1] or mutant.moved == 0 or not mutant.cost < NO_DOUBT * good.cost:
            break
    group = "no reference" if None in verdicts else "hurts" if all(verdicts) else "harmless"
    return group, "; ".join(words)


def diagnosed(entry: dict[str, Any], script: Path, row: Row, budget: float) -> Row:
    """The row with what a diagnosis of ``script`` says: as the command's, without the diffs."""
    started = time.monotonic()
    os.chdir(script.parent)
    options = Options(budget=budget)
    checks, _ = chosen_checks(options)
    harness = WarmHarness(Target("script", script.name, tuple(entry.get("argv", ()))), run=run_spec(options))
    try:
        recording = harness.observe(started + options.time_limit)
        deadline = time.monotonic() + budget

        lab = Lab(recording, harness.probes_until(deadline))
        diagnosis = Examiner(lab, checks, seconds_left=lambda: deadline - time.monotonic()).examine()
        report = report_of(recording, diagnosis, lab, replay=harness.replay, command=None)
    finally:
        harness.close()
        os.chdir(SAMPLES)
    row.problems = [f.check for f in report.problems]
    row.advice = [f.check for f in report.findings if f not in report.problems]
    row.titles = [f"{f.check}:{f.location.line if f.location else '-'} {f.title}" for f in report.findings]
    row.ruled_out = [f"{r.check}: {r.reason}" for r in (*report.ruled_out, *report.not_checked)]
    row.seconds = round(time.monotonic() - started, 1)
    return row


def examine(entry: dict[str, Any], operator: Operator | None, text: str, budget: float, everything: bool) -> Row:
    """Run one mutant natively, then diagnose it; one without harm only where ``everything`` is wanted."""
    with tempfile.TemporaryDirectory() as scratch:
        script = in_its_folder(entry, text, Path(scratch))
        group, native = natively(entry, operator, script) if operator is not None else ("unmutated", "")
        row = Row(entry["path"], operator.name if operator else NONE, group, native)
        wanted = everything or group not in ("harmless", "no reference")
        return diagnosed(entry, script, row, budget) if wanted else row


def show(row: Row) -> None:
    """One line, and for what was missed what was found instead."""
    mark = "     "
    if row.group in ("hurts", "crashes"):
        mark = "ok   " if row.first else "among" if row.among else "MISS "
    elif row.group == "unmutated":
        mark = "FALSE" if row.problems else "ok   "
    found = ", ".join(row.problems) or "-"
    print(f"{mark} {row.operator:24} {row.script:36} {row.group:12} {found:44} {row.seconds:5.1f} s", flush=True)
    if mark in ("MISS ", "FALSE", "among"):
        print(f"        native {row.native}")
        for line in (*row.titles, *(f"- {r}" for r in row.ruled_out)):
            print(f"        {line}")


def tables(rows: list[Row]) -> None:
    """By operator, the confusion of injected and reported cause, and the totals."""
    mutated = [r for r in rows if r.operator != NONE]
    print("\n| operator | hurts | first | first three | crashes | explained | harmless | no reference |")
    print("|--|--|--|--|--|--|--|--|")
    for name in OPERATORS:
        mine = [r for r in mutated if r.operator == name]
        counts = Counter(r.group for r in mine)
        bad, crashed = ([r for r in mine if r.group == group] for group in ("hurts", "crashes"))
        if mine:
            cells = [len(bad), sum(r.first for r in bad), sum(r.among for r in bad)]
            cells += [len(crashed), sum(r.first for r in crashed), counts["harmless"], counts["no reference"]]
            print(f"| {name} | {' | '.join(map(str, cells))} |")
    confusion(mutated)
    totals(rows)


def confusion(mutated: list[Row]) -> None:
    """Injected cause against the first reported one, for mutants that hurt."""
    print("\n| injected | reported first |\n|--|--|")
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for row in mutated:
        if row.group == "hurts":
            table[OPERATORS[row.operator].accepts[0]][row.problems[0] if row.problems else "nothing"] += 1
    for cause, found in sorted(table.items()):
        print(f"| {cause} | {', '.join(f'{name} {count}' for name, count in found.most_common())} |")


def totals(rows: list[Row]) -> None:
    """The figures of ``docs/accuracy.md``."""
    hurting, crashed = ([r for r in rows if r.group == group] for group in ("hurts", "crashes"))
    harmless = [r for r in rows if r.group == "harmless"]
    looked_at = [r for r in harmless if r.seconds]
    plain = [r for r in rows if r.operator == NONE]
    share = sum(r.first for r in hurting) / len(hurting) if hurting else math.nan
    print(f"\nmutants           {len(rows) - len(plain)}")
    print(f"hurt              {len(hurting)}")
    print(f"cause first       {sum(r.first for r in hurting)}/{len(hurting)} ({share:.1%})")
    print(f"among first three {sum(r.among for r in hurting)}/{len(hurting)}")
    print(f"crashed           {len(crashed)}, explained first {sum(r.first for r in crashed)}")
    calm = sum(map(_calm, looked_at))
    print(f"harmless          {len(harmless)}, diagnosed {len(looked_at)}, no wrong cause in {calm}")
    print(f"no reference      {sum(r.group == 'no reference' for r in rows)}")
    print(f"unmutated         {len(plain)}, false alarms {sum(bool(r.problems) for r in plain)}")


def _calm(row: Row) -> bool:
    return all(p in row.accepted for p in row.problems)


def collected(path: str) -> dict[tuple[str, str], Row]:
    """Results that a file holds, by script and operator; the last of each counts."""
    if not path or not os.path.exists(path):
        return {}
    rows = [Row(**json.loads(line)) for line in Path(path).read_text().splitlines() if line.strip()]
    return {(r.script, r.operator): r for r in rows}


def plan(arguments: argparse.Namespace) -> list[tuple[dict[str, Any], Operator | None, str]]:
    """What is to be examined, in order."""
    part, parts = map(int, arguments.part.split("/"))
    if arguments.only == NONE:
        healthy = [e for e in entries(arguments.script) if e["expect"] == "healthy"]
        plain: list[tuple[dict[str, Any], Operator | None, str]]
        plain = [(e, None, (SAMPLES / e["path"]).read_text()) for e in healthy]
        return plain[: arguments.most][part - 1 :: parts]
    chosen = balanced(list(mutants(arguments.only, arguments.script)), arguments.most, arguments.skip)
    return [*chosen[part - 1 :: parts]]


def show_diffs(arguments: argparse.Namespace) -> None:
    """What each chosen mutant changes."""
    for entry, operator, text in plan(arguments):
        old = (SAMPLES / entry["path"]).read_text().splitlines()
        name = operator.name if operator else NONE
        print("\n".join(difflib.unified_diff(old, text.splitlines(), entry["path"], name, n=0, lineterm="")))


def main() -> int:
    """Examine the mutants, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help=f"an operator, or {NONE!r} for the unmutated scripts")
    parser.add_argument("--script", default="", help="scripts whose path contains this")
    parser.add_argument("--part", default="1/1", help="K/N: every N-th mutant, from the K-th on")
    parser.add_argument("--most", type=int, default=10**6, help="a balanced sample of so many")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first so many of that sample")
    parser.add_argument("--json", default="", help="file of results, one a line: what it holds is not run again")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for the experiments of one diagnosis")
    parser.add_argument("--everything", action="store_true", help="diagnose mutants without harm, too")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--show", action="store_true", help="print the mutants as diffs")
    parser.add_argument("--count", action="store_true", help="print how many mutants each operator makes")
    arguments = parser.parse_args()
    arguments.json = os.path.abspath(arguments.json) if arguments.json else ""
    if arguments.show:
        show_diffs(arguments)
        return 0
    if arguments.count:
        counts = Counter(o.name for _, o, _ in plan(arguments) if o)
        print("\n".join(f"{counts[name]:4d} {name}" for name in OPERATORS), f"\n{sum(counts.values()):4d} in all")
        return 0
    done = collected(arguments.json)
    for entry, operator, text in [] if arguments.report else plan(arguments):
        key = entry["path"], operator.name if operator else NONE
        if key in done:
            continue
        done[key] = examine(entry, operator, text, arguments.budget, arguments.everything)
        show(done[key])
        if arguments.json:
            with open(arguments.json, "a") as file:
                file.write(json.dumps(asdict(done[key])) + "\n")
    tables(list(done.values()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
