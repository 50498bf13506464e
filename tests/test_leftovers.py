"""However a diagnosis ends, no process of the script's and no folder of ours stays."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.daemons import DAEMONS
from tests.helpers import doctor, report_of, start_doctor, write

FIRST = "double fork into a session of its own"
STARTS = """
    import subprocess
    subprocess.Popen(["sleep", "1000"])
"""
HANGS = """
    import time
    print("begun", file=open("{sign}", "w"), flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("case", [c if c == FIRST else pytest.param(c, marks=pytest.mark.long) for c in DAEMONS])
def test_daemons_are_ended(case: str, tmp_path: Path) -> None:
    """The house rule of all tests counts them."""
    write(tmp_path / "train.py", DAEMONS[case])
    options = ("--no-probes", "--steps", "30", "--format", "json")
    result = doctor("diagnose", *options, "train.py", cwd=tmp_path)
    assert report_of(result)["run"]["steps"] == 30


def running(folder: Path, text: str) -> subprocess.Popen[str]:
    """A diagnosis whose script hangs, and has said so."""
    write(folder / "train.py", text.format(sign=folder / "sign"))
    process = start_doctor("diagnose", "--no-report", "--allow-writes", "train.py", cwd=folder)
    deadline = time.monotonic() + 60
    while not (folder / "sign").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_request_to_end_is_answered_as_an_interrupt(number: signal.Signals, tmp_path: Path) -> None:
    process = running(tmp_path, STARTS + HANGS)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the run was interrupted" in " ".join(out.split())


def test_script_ends_with_a_diagnosis_that_is_killed(tmp_path: Path, short_temporary_folder: Path) -> None:
    process = running(tmp_path, HANGS)
    process.kill()
    process.communicate(timeout=30)
    for left in short_temporary_folder.glob("sgd-doctor-*"):
        shutil.rmtree(left)  # nobody is there to remove it
