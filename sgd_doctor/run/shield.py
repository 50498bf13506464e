"""The write shield: what a script writes, removes or renames lands in a scratch folder.

There are two ways to have it. The overlay is the kernel's and covers the process with all its
descendants (:mod:`sgd_doctor.run.overlay`). Where namespaces are not permitted, Python's own
functions are redirected (:mod:`sgd_doctor.run.redirect`), and Landlock, where the kernel has it,
denies whatever goes round Python: such a write fails, but nothing of the user's is lost.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sgd_doctor.run.trackers import quiet_trackers

__all__ = ["ShieldInfo", "activate", "discard", "quiet_trackers"]


class ShieldInfo(NamedTuple):
    """How the process is shielded, and in words what that does not cover."""

    kind: str
    notes: tuple[str, ...]


def activate(scratch: Path, *, keep: Sequence[Path] = (), force: str | None = None) -> ShieldInfo:
    """Shield this process for the rest of its life, and every process that it starts.

    To be called before the user's script starts, or right after a fork, while there is one thread.

    Args:
        scratch: An existing folder, for this process alone; the caller throws it away with ``discard``
            once the process and its descendants have ended.
        keep: Existing folders in which writing stays real. What this process itself has to hand to its
            parent belongs there, also files that are open already: all others are opened anew.
        force: ``"overlay"``, ``"redirect"`` or ``"none"`` instead of the best way that works here.

    Raises:
        OSError: The way that was forced does not work here.
        ValueError: ``force`` is none of the three, or a folder does not exist.
    """
    if force not in (None, "overlay", "redirect", "none"):
        raise ValueError(f"force must be 'overlay', 'redirect' or 'none', not {force!r}")
    if force == "none":
        return ShieldInfo("none", ("nothing is shielded: what the script writes is really written",))
    place, kept = os.path.realpath(scratch), [os.path.realpath(folder) for folder in keep]
    for folder in (place, *kept):
        if not os.path.isdir(folder):
            raise ValueError(f"{folder} is not a folder")
    refusal = "asked for"
    if force != "redirect":
        try:
            return _overlay(place, kept)
        except OSError as error:
            if force == "overlay":
                raise
            refusal = str(error)
    from sgd_doctor.run import openfiles, redirect

    notes = redirect.enter(place, kept)
    return ShieldInfo("redirect", (f"no kernel overlay here ({refusal})", *notes, *openfiles.mapped(kept)))


def _overlay(scratch: str, keep: Sequence[str]) -> ShieldInfo:
    if not sys.platform.startswith("linux"):
        raise OSError("overlays are Linux only")
    from sgd_doctor.run import openfiles, overlay

    files = openfiles.writable(keep)
    try:
        notes = overlay.enter(scratch, keep)
    except overlay.Refused as error:
        raise OSError(str(error)) from error
    notes += openfiles.reopen(files, lambda path: path)
    return ShieldInfo("overlay", (*notes, *openfiles.mapped(keep)))


def discard(scratch: Path) -> None:
    """Remove a scratch folder with all that was written into it, whatever its modes."""
    import shutil  # not needed in the process that activates, and not free to import

    if not os.path.isdir(scratch):
        return
    os.chmod(scratch, 0o700)
    for parent, folders, _ in os.walk(scratch):
        for name in folders:
            path = os.path.join(parent, name)
            # An overlay leaves a folder that nobody may enter, and so may a script.
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(scratch)
