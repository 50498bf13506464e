"""Where the time goes between the command and its report, for sample scripts.

Usage: ``python benchmarks/time_to_diagnosis.py [--only TEXT] [--every N] [--repeat N]``.  Each script is diagnosed
in a fresh process on one thread; the table shows wall seconds (medians over the repetitions), and the medians and
quartiles of all scripts below.

start: python and what is needed before the script starts · import: until the script has torch · set-up: until its
first training step · observe: until the recording is there · probe: examining, reruns and fixes · report: terminal,
HTML and PNG · beyond: all but import and set-up, which are the script's own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PHASES = ("start", "import", "set-up", "observe", "probe", "report")
COLUMNS = (*PHASES, "all", "beyond")
SAMPLES = Path(__file__).resolve().parent.parent / "sample_scripts"


def diagnose(path: Path, begun: float) -> dict[str, float]:
    """Seconds of each phase of one diagnosis, in a process that was started at ``begun`` (as ``time.time()``)."""
    from sgd_doctor.delivery import deliver
    from sgd_doctor.options import Options
    from sgd_doctor.run.launch import Target
    from sgd_doctor.run.spec import Note
    from sgd_doctor.start import Talk, started
    from sgd_doctor.studio import Studio

    at = {"start": time.time()}

    def take(note: Note) -> None:
        name = {"imported": "import", "anchor": "set-up", "saved": "observe"}.get(note.at)
        if name is not None:
            at.setdefault(name, time.time())

    os.chdir(path.parent)
    options = Options()
    with tempfile.TemporaryDirectory() as folder, Studio(("html", "png")) as studio:
        talk = Talk(on_note=take, on_report=studio.prepare)
        with contextlib.closing(started(Target("script", path.name), options, talk)) as harness:
            at["start"] = time.time()
            studio.begin()
            from sgd_doctor.session import diagnose_started  # as the command does it: once the target is running

            report = diagnose_started(harness, options, talk).report
            at["probe"] = time.time()
        forms = [("text", None), *((form, Path(folder) / f"report.{form}") for form in ("html", "png"))]
        with contextlib.redirect_stdout(io.StringIO()):
            deliver(report, forms, studio, asked=True)
    at["report"] = time.time()
    seconds, last = {}, begun
    for name in PHASES:
        seconds[name], last = max(0.0, at.get(name, last) - last), max(last, at.get(name, last))
    whole = sum(seconds.values())
    return seconds | {"all": whole, "beyond": whole - seconds["import"] - seconds["set-up"]}


def afresh(path: Path) -> dict[str, float]:
    """The same in a process of its own."""
    said = subprocess.run(
        [sys.executable, __file__, "--one", str(path), "--begun", repr(time.time())],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def row(name: str, seconds: Sequence[float]) -> str:
    """A line of the table."""
    return f"{name:<44}" + "".join(f"{s:>9.2f}" for s in seconds)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="scripts whose path contains this")
    parser.add_argument("--every", type=int, default=1, help="take every N-th script")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--begun", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(diagnose(options.one.resolve(), options.begun)))
        return 0
    paths = [p for p in sorted(SAMPLES.rglob("*.py")) if options.only in str(p.relative_to(SAMPLES))][:: options.every]
    print(f"load {os.getloadavg()[0]:.1f}, {len(paths)} scripts, {options.repeat} repetitions")
    print(f"{'script':<44}" + "".join(f"{c:>9}" for c in COLUMNS))
    rows = []
    for path in paths:
        runs = [afresh(path) for _ in range(options.repeat)]
        rows.append([statistics.median(r[p] for r in runs) for p in COLUMNS])
        print(row(str(path.relative_to(SAMPLES)), rows[-1]), flush=True)
    if len(rows) > 1:
        for name, index in (("first quartile", 0), ("median", 1), ("third quartile", 2)):
            print(row(name, [statistics.quantiles(column, n=4)[index] for column in zip(*rows, strict=True)]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
