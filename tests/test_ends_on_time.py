"""Whatever a script does, there is a report in time, and no process of it is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import HEALTHY, doctor, report_of, write

LOOP = HEALTHY.replace("range(60)", "range(10**9)")
"""Trains for ever."""


def changed(**parts: str) -> str:
    """The endless loop with code before it (``head``), or after each step (``tail``)."""
    tail = "".join(f"        {line}\n" for line in parts.get("tail", "").splitlines())
    text = LOOP.replace("        optimizer.step()\n", f"        optimizer.step()\n{tail}").lstrip("\n")
    return "".join(f"    {line}\n" for line in parts.get("head", "").splitlines()) + text


def diagnose(folder: Path, *options: str, text: str) -> tuple[dict[str, Any], str, float]:
    """The report, what went to standard error, and how long it took."""
    write(folder / "train.py", text)
    started = time.monotonic()
    result = doctor("diagnose", "--no-probes", "--format", "json", *options, "train.py", cwd=folder, timeout=100)
    assert result.returncode in (0, 1), result.stderr
    assert "sgd-doctor itself failed" not in result.stderr
    return report_of(result), result.stderr, time.monotonic() - started


# -- scripts that go on for ever

ENDLESS = {
    "catches everything": changed(
        tail="""
for again in range(3):
    try:
        optimizer.step()
    except BaseException:
        pass
"""
    ),
    "ignores every signal": changed(
        head="""
import signal
for number in range(1, signal.NSIG):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
"""
    ),
    "starts processes": changed(
        head="""
import os, subprocess, threading, time
subprocess.Popen(["sleep", "1000"])
if not os.fork():
    os.setsid() if False else None
    time.sleep(1000)
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
"""
    ),
    "cleans up for ever": "    import atexit, time\n    atexit.register(time.sleep, 1000)\n" + HEALTHY.lstrip("\n"),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_loop_that_never_ends_is_ended_after_its_steps(case: str, tmp_path: Path) -> None:
    report, _, seconds = diagnose(tmp_path, "--steps", "30", text=ENDLESS[case])
    assert report["run"]["steps"] == 30
    assert report["run"]["ended"] == "step-limit"
    assert report["verdict"] == "healthy"
    assert seconds < 60


# -- scripts that hang: the time limit ends them, and what was seen until then is reported

HANGS = {
    "before it trains": ("    import time\n    time.sleep(1000)\n", 0),
    "while it waits for input": ("    import os, sys\n    os.read(os.pipe()[0], 1)\n", 0),
    "in C": ("    import re\n    re.match(r'(a+)+$', 'a' * 64 + 'b')\n", 0),
    "at a step": (changed(head="import time", tail="time.sleep(1000 if step == 17 else 0)"), 18),
    "at a step, in C": (changed(head="import re", tail="step == 17 and re.match(r'(a+)+$', 'a' * 64 + 'b')"), 1),
    "in a lock, ignoring interrupts": (
        changed(
            head="import signal, threading\nsignal.signal(signal.SIGINT, signal.SIG_IGN)",
            tail="if step == 17:\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()",
        ),
        18,
    ),
}
FIRST_HANGS = ("before it trains", "while it waits for input", "in C")


@pytest.mark.parametrize("case", [c if c in FIRST_HANGS else pytest.param(c, marks=pytest.mark.long) for c in HANGS])
def test_script_that_hangs_is_ended_by_the_time_limit(case: str, tmp_path: Path) -> None:
    text, steps = HANGS[case]
    limit = "4" if steps == 0 else "15"
    report, _, seconds = diagnose(tmp_path, "--time-limit", limit, text=text)
    assert report["run"]["ended"] == "time-limit"
    assert report["run"]["steps"] >= steps
    assert [f for f in report["findings"] if f["check"] == "script-crashed"] == []
    assert seconds < float(limit) + 40
    if not steps:
        assert report["verdict"] == "inconclusive"


# -- scripts that end in a way of their own

DIES = {
    "segmentation fault": (changed(tail="if step == 17:\n    import ctypes; ctypes.string_at(0)"), "SIGSEGV"),
    "killed": (changed(head="import os", tail="if step == 17: os.kill(os.getpid(), 9)"), "SIGKILL"),
    "abort at the start": ("    import os\n    os.abort()\n", "SIGABRT"),
    "killed before torch": ("    import os\n    os.kill(os.getpid(), 9)\n", "SIGKILL"),
}


@pytest.mark.parametrize("case", DIES)
def test_script_that_dies_is_an_error_with_its_cause(case: str, tmp_path: Path) -> None:
    text, cause = DIES[case]
    report, _, seconds = diagnose(tmp_path, text=text)
    assert report["verdict"] == "unhealthy"
    top = report["findings"][0]
    assert top["check"] == "script-crashed"
    assert cause in top["title"]
    assert report["run"]["ended"] == "killed"
    assert seconds < 60


def test_script_that_leaves_at_once_keeps_what_was_seen(tmp_path: Path) -> None:
    report, _, _ = diagnose(tmp_path, text=HEALTHY + "    import os\n    os._exit(0)\n")
    assert report["run"]["ended"] == "finished"
    assert report["run"]["steps"] == 60
    assert report["verdict"] == "healthy"


def test_out_of_memory_is_named(tmp_path: Path) -> None:
    head = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))"
    report, _, _ = diagnose(tmp_path, text=changed(head=head, tail="if step == 17: torch.zeros(1 << 33)"))
    top = report["findings"][0]
    assert top["check"] == "script-crashed"
    assert "memory" in top["title"]
    assert top["location"]["line"] == 2 + LOOP.strip().splitlines().index("        optimizer.step()") + 2


def test_exit_code_of_a_script_that_trained_is_no_finding(tmp_path: Path) -> None:
    report, _, _ = diagnose(tmp_path, text=HEALTHY + "    raise SystemExit(7)\n")
    assert report["verdict"] == "healthy"


# -- a lot of output


def test_five_megabytes_are_cut_on_the_screen_and_whole_in_a_file(tmp_path: Path) -> None:
    text = "    for i in range(50_000):\n        print('x' * 99)\n"
    report, err, _ = diagnose(tmp_path, text=text)
    assert "the script prints more than 1 MB" in err
    assert 1 << 20 < len(err) < 2 << 20
    assert report["verdict"] == "inconclusive"
    diagnose(tmp_path, "--script-output", "said.txt", text=text)
    assert (tmp_path / "said.txt").stat().st_size == 5_000_000


def test_output_without_end_does_not_hang(tmp_path: Path) -> None:
    text = "    import sys\n    while True:\n        sys.stdout.write('x' * 1000)\n"
    report, _, seconds = diagnose(tmp_path, "--time-limit", "3", text=text)
    assert report["run"]["ended"] == "time-limit"
    assert seconds < 40


def test_probes_keep_to_the_budget(tmp_path: Path) -> None:
    write(tmp_path / "train.py", changed(head="import time", tail="time.sleep(0.02)").replace("lr=0.1", "lr=0.0001"))
    started = time.monotonic()
    options = ["--steps", "40", "--budget", "5s", "--format", "json"]
    result = doctor("diagnose", *options, "train.py", cwd=tmp_path, timeout=100)
    assert result.returncode in (0, 1), result.stderr
    assert time.monotonic() - started < 45
    assert report_of(result)["run"]["steps"] == 40
