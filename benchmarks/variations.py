"""Healthy sample scripts at other learning rates and with other seeds: is sgd-doctor still silent?

    python benchmarks/variations.py [--only TEXT] [--part K/N] [--budget SECONDS]

Each script runs natively first, as it is and varied (``benchmarks/corpus.py``). Variations that do not learn as well
any more are no healthy scripts and left out; the others are diagnosed, in forks of this process so that torch is
imported once, and every error or warning is a false alarm.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import corpus
from accuracy import SAMPLES, entries

from sgd_doctor.options import Options
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Target
from tests import warm

CHANGES = {
    "lr x 3": corpus.Change(lr=3.0),
    "lr / 3": corpus.Change(lr=1 / 3),
    "seed 1": corpus.Change(seed=1),
    "seed 2": corpus.Change(seed=2),
}
PROLOGUE = """
import random as _random
import numpy as _numpy
import torch as _torch
def _vary(lr, offset):
    built = _torch.optim.Optimizer.__init__
    def build(self, *args, **kwargs):
        built(self, *args, **kwargs)
        for group in self.param_groups:
            group["lr"] *= lr
    _torch.optim.Optimizer.__init__ = build
    def shifted(seeding):
        return lambda seed=None, *a, **k: seeding(seed + offset if isinstance(seed, int) else seed, *a, **k)
    _torch.manual_seed(offset + 7), _numpy.random.seed(offset + 7), _random.seed(offset + 7)
    if offset:
        _torch.manual_seed = _torch.random.manual_seed = shifted(_torch.manual_seed)
        _numpy.random.seed, _random.seed = shifted(_numpy.random.seed), shifted(_random.seed)
        _numpy.random.default_rng = shifted(_numpy.random.default_rng)
_vary({lr!r}, {offset})
"""
"""Does to a script from inside what :class:`corpus.Change` does from outside."""


@dataclasses.dataclass
class Row:
    """One variation of one script; ``report`` is None where it does not learn natively."""

    path: str
    change: str
    report: Report | None

    @property
    def alarms(self) -> list[str]:
        return [f"{f.check}: {f.title}" for f in self.report.problems] if self.report is not None else []


def varied(source: str, change: corpus.Change) -> str:
    """The script's text with the prologue behind its docstring and ``__future__`` imports."""
    prologue = PROLOGUE.format(lr=change.lr, offset=1000 * change.seed)
    lines = source.splitlines(keepends=True)
    at = max((i + 1 for i, line in enumerate(lines) if line.startswith("from __future__")), default=0)
    return "".join((*lines[:at], prologue, *lines[at:]))


def diagnose(entry: dict[str, Any], change: corpus.Change, budget: float) -> Report:
    """The report on a varied copy, which stands in a copy of the script's folder."""
    path = SAMPLES / entry["path"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.parent.name
        shutil.copytree(path.parent, copy)
        (copy / path.name).write_text(varied(path.read_text(), change))
        os.chdir(copy)
        target = Target("script", path.name, tuple(entry.get("argv", ())))
        report = warm.diagnose(target, Options(budget=budget)).report
        os.chdir(SAMPLES)
    return report


def rows(entry: dict[str, Any], budget: float) -> Iterator[Row]:
    """Every variation of one script."""
    path, argv = SAMPLES / entry["path"], entry.get("argv", [])
    own = corpus.run(path, argv, corpus.Change())
    for name, change in CHANGES.items():
        native = corpus.run(path, argv, change)
        learns = native.exit == "ok" and not corpus.worse(native, own)
        yield Row(entry["path"], name, diagnose(entry, change, budget) if learns else None)


def main() -> int:
    """Run the benchmark; 1 where there was a false alarm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="")
    parser.add_argument("--part", default="1/1", help="K/N: every N-th script, from the K-th on")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of experiments for each diagnosis")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    healthy = [e for e in entries(options.only) if e["expect"] == "healthy" and e["path"].endswith(".py")]
    found: list[Row] = []
    for entry in healthy[part - 1 :: parts]:
        for row in rows(entry, options.budget):
            found.append(row)
            said = "; ".join(row.alarms) or ("silent" if row.report is not None else "does not learn as well: left out")
            print(f"{'ALARM' if row.alarms else 'ok   '} {row.path:<40} {row.change:<7} {said}", flush=True)
    for name in CHANGES:
        those = [r for r in found if r.change == name]
        judged = [r for r in those if r.report is not None]
        print(f"{name}: {sum(bool(r.alarms) for r in judged)} false alarms in {len(judged)} of {len(those)} that learn")
    return int(any(r.alarms for r in found))


if __name__ == "__main__":
    raise SystemExit(main())
