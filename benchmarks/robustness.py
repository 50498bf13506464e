"""Try to break sgd-doctor: odd loops, failing scripts, hostile writers, scripts that never end, damaged files.

Usage: ``python benchmarks/robustness.py [--only PART] [--mutations N]``.  Prints what did not survive, and one table:
what was tried, how many, how many survived with a right report, bytes of the user's that changed, and processes left
over.  Needs the ``dev`` extra, Linux, and about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
os.environ.setdefault("OMP_NUM_THREADS", "1")

Attempt = Callable[[Path], list[str]]
"""Gets an empty folder, and returns what is wrong, in words."""


@dataclass
class Row:
    """One line of the table."""

    what: str
    tried: int = 0
    survived: int = 0
    changed: int = 0
    left: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Bench:
    """Makes attempts, and counts what they leave."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.home = Path(tempfile.mkdtemp(prefix="robust-"))
        # One of the scripts removes the temporary folder with all that is in it, behind the shield.
        tempfile.tempdir = os.environ["TMPDIR"] = str(self.home / "tmp")
        os.mkdir(tempfile.tempdir)

    def attempt(self, row: Row, name: str, attempt: Attempt) -> None:
        """One attempt in a folder of its own."""
        from sgd_doctor.run.reaping import descendants

        folder = Path(tempfile.mkdtemp(dir=self.home))
        before = set(descendants(os.getpid()))
        try:
            wrong = attempt(folder)
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}", traceback.format_exc()[-600:]]
        left = _strangers(before) if "mutat" not in name else []
        shutil.rmtree(folder, ignore_errors=True)
        row.tried += 1
        row.survived += not (wrong or left)
        row.left += len(left)
        row.wrong += [f"{name}: {text}" for text in (*wrong, *left)]

    def part(self, what: str, attempts: list[tuple[str, Attempt]], cores: int) -> None:
        """All attempts of one kind, in forks of this process."""
        row = Row(what)
        self.rows.append(row)
        started = time.monotonic()
        shares = [self._fork(what, attempts[core::cores], self.home / f"{core}.json") for core in range(cores)]
        for pid, result in shares:
            os.waitpid(pid, 0)
            done = Row(**json.loads(result.read_text()))
            row.tried += done.tried
            row.survived += done.survived
            row.left += done.left
            row.wrong += done.wrong
        row.seconds = time.monotonic() - started
        row.changed = sum(int(text.rsplit(" ", 2)[1]) for text in row.wrong if text.endswith(" bytes"))
        for text in row.wrong:
            print(f"  {text}", flush=True)
        print(f"{what}: {row.survived} of {row.tried} in {row.seconds:.0f} s", file=sys.stderr, flush=True)

    def _fork(self, what: str, attempts: list[tuple[str, Attempt]], result: Path) -> tuple[int, Path]:
        from sgd_doctor.run.reaping import adopt_orphans

        pid = os.fork()
        if not pid:
            status = 1
            try:
                adopt_orphans()
                row = Row(what)
                for name, attempt in attempts:
                    self.attempt(row, name, attempt)
                result.write_text(json.dumps(asdict(row)))
                status = 0
            finally:
                os._exit(status)
        return pid, result


def _strangers(before: set[int]) -> list[str]:
    """Living descendants that were not there before, after a moment in which they may go."""
    from sgd_doctor.run.reaping import descendants

    deadline = time.monotonic() + 3.0
    while True:
        living = []
        for pid in set(descendants(os.getpid())) - before:
            with contextlib.suppress(OSError, ChildProcessError):
                state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if state == "Z":
                    os.waitpid(pid, os.WNOHANG)
                elif "resource_tracker" not in command:
                    living.append(f"process left: {command[:80]}")
        if not living or time.monotonic() > deadline:
            return living
        time.sleep(0.1)


# -- the parts


def numbers() -> Iterator[tuple[str, Attempt]]:
    """Every sample script and every odd loop, natively and watched: the same bits?"""
    from accuracy import SAMPLES, entries

    from tests.numbers import compare
    from tests.odd_loops import LOOPS
    from tests.test_same_numbers import UNUSUAL

    for entry in entries():
        if entry["expect"] != "broken":
            path, argv = SAMPLES / entry["path"], tuple(entry.get("argv", ()))
            yield entry["path"], lambda folder, p=path, a=argv: _same(lambda: compare(p, a, folder))
    for name, text in (LOOPS | UNUSUAL).items():
        yield name, lambda folder, t=text: _same(lambda: compare(_written(folder, t), (), folder))


def _same(compare: Callable[[], object]) -> list[str]:
    try:
        compare()
    except AssertionError as error:
        return [f"other numbers: {str(error)[:200]}"]
    return []


def _written(folder: Path, text: str) -> Path:
    from tests.helpers import write

    return write(folder / "project" / "train.py", text)


def reports() -> Iterator[tuple[str, Attempt]]:
    """Odd loops, diagnosed with reruns: healthy, whole, and every form of the report."""
    from tests.odd_loops import LOOPS

    for name, text in LOOPS.items():
        yield name, lambda folder, t=text: _healthy(folder, t)


def _healthy(folder: Path, text: str) -> list[str]:
    from sgd_doctor.options import Options
    from sgd_doctor.render import FORMATS, render
    from sgd_doctor.run.launch import Target
    from tests import warm

    (folder / "train.py").write_text(text)
    with _within(folder) as wrong:
        report = warm.diagnose(Target("script", "train.py"), Options(time_limit=60.0, budget=3.0)).report
        if report.verdict != "healthy" or report.run.ended != "finished":
            wrong.append(f"{report.verdict}, {report.run.ended}: {[f.check for f in report.problems]}")
        wrong += [n for n in report.notes if "failed" in n]
        wrong += [f"no {form}" for form in FORMATS if not render(report, form)]
    return wrong


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[list[str]]:
    """Work in a folder that has to stay as it is."""
    from tests.helpers import same_tree, tree

    wrong: list[str] = []
    before, here = tree(folder), os.getcwd()
    os.chdir(folder)
    try:
        yield wrong
    finally:
        os.chdir(here)
    for text in same_tree(before, tree(folder)):
        old = before.get(text.partition(": ")[2], (0, 0))[1]
        wrong.append(f"the folder is not as it was: {text}, {max(1, int(str(old)))} bytes")


def faults() -> Iterator[tuple[str, Attempt]]:
    """Scripts that fail or undo what is ours in their process."""
    from tests.faults import FAULTS
    from tests.test_faults import diagnosed, judge

    def attempt(folder: Path, name: str) -> list[str]:
        with _within(folder) as wrong:
            report = diagnosed(name, folder)
            (folder / "train.py").unlink()
            wrong += judge(name, report)
        return wrong

    for name in FAULTS:
        yield name, lambda folder, n=name: attempt(folder, n)


def ends() -> Iterator[tuple[str, Attempt]]:
    """Scripts that go on for ever, hang, daemonise: ended in time, and gone."""
    from tests.daemons import DAEMONS
    from tests.test_ends_on_time import ENDLESS, HANGS

    for name, text in (ENDLESS | DAEMONS).items():
        yield name, lambda folder, t=text: _ended(folder, t, "step-limit", 30, "--steps", "30")
    for name, (text, steps) in HANGS.items():
        limit, least = ("8", 1) if steps else ("3", 0)
        yield name, lambda folder, t=text, s=least, n=limit: _ended(folder, t, "time-limit", s, "--time-limit", n)


def _ended(folder: Path, text: str, how: str, steps: int, *options: str) -> list[str]:
    from tests.helpers import doctor, report_of, write

    write(folder / "train.py", text)
    with _within(folder) as wrong:
        started = time.monotonic()
        run = doctor("diagnose", "--no-probes", "--format", "json", *options, "train.py", cwd=folder, timeout=100)
        report = report_of(run)
        if report["run"]["ended"] != how or report["run"]["steps"] < steps:
            wrong.append(f"{report['run']['ended']} after {report['run']['steps']} steps")
        if time.monotonic() - started > 60:
            wrong.append("took more than a minute")
    return wrong


def writes() -> Iterator[tuple[str, Attempt]]:
    """Scripts that write, rename and remove in every way they can, behind each kind of shield."""
    from tests.shield_scripts.place import SCRIPTS

    for how in ("overlay", "redirect"):
        for script, workers in (("hostile.py", ()), ("torch_writes.py", ("fork",)), ("torch_writes.py", ("spawn",))):
            name = f"{script} {' '.join(workers)} ({how})"
            yield name, lambda folder, h=how, s=script, w=workers: _shielded(folder, h, SCRIPTS / s, w)


def _shielded(folder: Path, how: str, script: Path, arguments: tuple[str, ...]) -> list[str]:
    from sgd_doctor.run.shield import discard
    from tests.shield_scripts.place import Place, fingerprint

    place = Place(folder)
    before = fingerprint(place.project.parent)
    said = place.run(how, script, *arguments)
    wrong = [text.strip().splitlines()[-1] for text in said["failures"].values()]
    after = fingerprint(place.project.parent)
    wrong += [f"{n} is not as it was, 1 bytes" for n in before.keys() | after.keys() if before.get(n) != after.get(n)]
    discard(place.scratch)
    return wrong


def mutations(count: int) -> Iterator[tuple[str, Attempt]]:
    """Recordings, reports and notebooks with changed bytes: refused in one line, or read."""
    from tests.mutants import KINDS, tried

    for kind in KINDS:
        share = count // len(KINDS)
        for number in range(share):
            yield f"mutated {kind} {number}", lambda _, k=kind, n=number: tried(k, random.Random(f"{k}{n}"))


def large() -> Iterator[tuple[str, Attempt]]:
    """A model of 2 GB, and one of 10,000 parameters: small recordings."""
    from tests.large import GIANT, MANY

    for name, text, megabytes in (("2 GB of parameters", GIANT, 100.0), ("10,000 parameters", MANY, 10.0)):
        yield name, lambda folder, t=text, m=megabytes: _small(folder, t, m)


def _small(folder: Path, text: str, megabytes: float) -> list[str]:
    from tests.helpers import doctor, write

    write(folder / "train.py", text)
    kept = folder.with_suffix(".npz")
    options = ("--no-probes", "--no-report", "--save-recording", kept)
    run = doctor("diagnose", *options, "train.py", cwd=folder, timeout=300)
    size = kept.stat().st_size / 1e6
    kept.unlink()
    print(f"  recording of {size:.2f} MB")
    return [f"a recording of {size:.0f} MB"] * (size > megabytes) + [run.stdout[:300]] * (run.returncode != 0)


PARTS: dict[str, tuple[str, int]] = {
    "numbers": ("numbers of sample scripts and odd loops, watched and not", 2),
    "reports": ("odd loops, diagnosed with reruns", 1),
    "faults": ("scripts that fail or undo what is ours", 1),
    "ends": ("scripts that never end, hang or daemonise", 1),
    "writes": ("scripts that write in every way they can", 1),
    "large": ("models of 2 GB and of 10,000 parameters", 1),
    "mutations": ("damaged recordings, reports and notebooks", 2),
}
"""What the table says, and how many attempts are made at a time."""


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what was tried | tried | survived | bytes changed | processes left | seconds |"]
    lines.append("|--|--:|--:|--:|--:|--:|")
    total = Row("**all**")
    for row in rows:
        total.tried += row.tried
        total.survived += row.survived
        total.changed += row.changed
        total.left += row.left
        total.seconds += row.seconds
    for r in (*rows, total):
        lines.append(f"| {r.what} | {r.tried} | {r.survived} | {r.changed} | {r.left} | {r.seconds:.0f} |")
    return "\n".join(lines)


def main() -> int:
    """Try everything, or one part of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=tuple(PARTS), action="append")
    parser.add_argument("--mutations", type=int, default=10_200)
    chosen = parser.parse_args()
    bench = Bench()
    made = {
        "numbers": numbers, "reports": reports, "faults": faults, "ends": ends, "writes": writes, "large": large,
        "mutations": partial(mutations, chosen.mutations),
    }  # fmt: skip
    for name, (what, cores) in PARTS.items():
        if not chosen.only or name in chosen.only:
            bench.part(what, list(made[name]()), cores)
    shutil.rmtree(bench.home, ignore_errors=True)
    print(table(bench.rows))
    return int(any(row.wrong for row in bench.rows))


if __name__ == "__main__":
    sys.exit(main())
