"""A folder with all that a colleague, a CI job or an assistant needs to take over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sgd_doctor.errors import UsageError
from sgd_doctor.render import write_report
from sgd_doctor.report import Report

if TYPE_CHECKING:
    from sgd_doctor.recording import Recording

FORMS = ("html", "json", "sarif", "png")
RECORDING, REPRO = "recording.npz", "repro.py"


def require_folder(option: str, name: str | None) -> None:
    """See to it that the folder can be written, before anything runs.

    Raises:
        UsageError: it is a file, or neither it nor the folder above can be written.
    """
    if name is None:
        return
    path = Path(name)
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not there.is_dir():
        raise UsageError(f"cannot use {name} for {option}: {there} is a file")
    if not os.access(there, os.W_OK):
        raise UsageError(f"cannot use {name} for {option}: permission denied")


def write_bundle(folder: Path, report: Report, recording: Recording | None, seed: int) -> list[str]:
    """Write every form of the report, the recording and the script that repeats the experiment.

    Args:
        folder: made where it does not exist; files of the same names are replaced.
        report: what to write.
        recording: the observed run; None where a saved report is written again.
        seed: the seed that ``repro.py`` gives to both runs.

    Returns:
        The names of the files, in order.

    Raises:
        UsageError: a file cannot be written.
    """
    from sgd_doctor.render.repro import text

    names = [f"report.{form}" for form in FORMS]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, form in zip(names, FORMS, strict=True):
            write_report(report, folder / name, form)
        if recording is not None:
            recording.save(folder / RECORDING)
            names.append(RECORDING)
        script = text(report, seed)
        if script is None:
            (folder / REPRO).unlink(missing_ok=True)  # of an earlier diagnosis: it would tell another story
        else:
            (folder / REPRO).write_bytes(script.encode(errors="backslashreplace"))
            names.append(REPRO)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error
    return names
