"""A full disk and a read-only folder, both real: a report is printed, and nothing half-written stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import FAULTY, QUICK, doctor, write


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte that holds a script."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"mounting is not permitted here: {made.stderr.strip()}")
    try:
        write(place / "train.py", FAULTY)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def fill(place: Path, leave: int) -> None:
    """Fill the file system up to ``leave`` bytes."""
    with open(place / "checkpoint.bin", "wb") as file:
        file.write(b"\0" * (os.statvfs(place).f_bavail * os.statvfs(place).f_frsize - leave))


@pytest.mark.parametrize(
    "leave", [0, pytest.param(40_000, marks=pytest.mark.long)], ids=["full", "room for half a page"]
)
def test_a_full_disk_costs_the_files_and_not_the_report(small: Path, leave: int) -> None:
    fill(small, leave)
    before = sorted(os.listdir(small))
    said = doctor("diagnose", *QUICK, "train.py", cwd=small)
    assert "missing-backward" in said.stdout
    assert said.returncode == 1, "what was found, not what could not be written"
    assert said.stderr.count("No space left on device") == 2
    assert "Traceback" not in said.stderr
    assert sorted(os.listdir(small)) == before


@pytest.mark.long
def test_a_file_that_was_asked_for_and_is_not_there_is_an_error(small: Path) -> None:
    """The other form, which was printed, is whole."""
    fill(small, 0)
    options = ("--format", "html", "--output", "report.html", "--format", "text")
    said = doctor("diagnose", *QUICK, *options, "train.py", cwd=small)
    assert said.returncode == 2
    assert "missing-backward" in said.stdout
    assert said.stderr.endswith("sgd-doctor: cannot write report.html: No space left on device\n")


@pytest.mark.long
def test_a_read_only_folder_gets_its_report_on_the_screen(small: Path) -> None:
    remounted = subprocess.run(["mount", "-o", "remount,ro", str(small)], capture_output=True, check=False)
    assert remounted.returncode == 0
    said = doctor("diagnose", *QUICK, "train.py", cwd=small)
    assert said.returncode == 1
    assert "missing-backward" in said.stdout
    assert said.stderr.count("Read-only file system") == 2
