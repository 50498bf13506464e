"""Entry point of the child process: the shield goes up before anything else is imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import msgspec

from sgd_doctor.run import shield
from sgd_doctor.run.reaping import die_with_parent, sign_in
from sgd_doctor.run.spec import ChildSpec


def main(encoded: str) -> NoReturn:
    """Run what ``encoded`` (a :class:`ChildSpec` as JSON) says."""
    spec = msgspec.json.decode(encoded, type=ChildSpec)
    notes: tuple[str, ...] = ()
    die_with_parent(spec.parent)
    for number in (spec.control_fd, spec.notes_fd):
        if number >= 0:
            os.set_inheritable(number, False)  # no program that the script starts shall hold them
    if spec.shield:
        info = shield.activate(Path(spec.scratch), keep=(Path(spec.results),))
        notes = info.notes
        sign_in(Path(spec.results))
        if info.kind == "overlay":
            patch_files(spec.patches)
    # Imported after the shield: an overlay needs a process with one thread.
    from sgd_doctor.run.watching import run_target

    run_target(spec, notes)


def patch_files(patches: dict[str, str]) -> None:
    """Write the other texts where the script will import them from: the overlay keeps the user's files as they are."""
    for path, text in patches.items():
        Path(path).write_text(text, encoding="utf-8", newline="")
