"""The write shield inside Python: ``open`` and the functions of ``os`` lead to a shadow of the tree.

For machines on which the kernel lets an ordinary process have no overlay. Libraries that write from
native code are handed translated paths (:mod:`sgd_doctor.run.redirect_libs`). Whatever still goes round
Python is denied by Landlock, where the kernel has it.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from sgd_doctor.run import kernel, openfiles, redirect_changes, redirect_libs
from sgd_doctor.run.patching import active, originals, patches, replace, shadow
from sgd_doctor.run.redirect_reads import redirected_open
from sgd_doctor.run.shadow import Shadow

assert redirect_changes  # imported for what it puts into the table of patches


def enter(scratch: str, keep: Sequence[str]) -> list[str]:
    """Redirect this process's writes into ``scratch`` and return notes on what that does not cover."""
    for name in ("files", "gone", "tmp"):
        os.mkdir(os.path.join(scratch, name), 0o700)
    below = list(shadow().layers) if active else []
    layers = [(f"{scratch}/files", f"{scratch}/gone"), *below]
    files = openfiles.writable(keep)
    resume(layers, keep, f"{scratch}/tmp")
    tree = shadow()
    notes = openfiles.reopen(files, lambda path: tree.own(tree.find(tree.logical(path))))
    return [*_lock([scratch, *keep]), *notes]


def resume(layers: Sequence[tuple[str, ...]], keep: Sequence[str], tmp: str) -> None:
    """Redirect as the process does that made ``layers``; for its workers that start afresh."""
    first = not active
    scratch = [os.path.dirname(files) for files, _ in layers]
    active[:] = [Shadow([(files, gone) for files, gone in layers], [*keep, *scratch])]
    os.environ["TMPDIR"] = tmp
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = tmp  # type: ignore[attr-defined]  # read before TMPDIR once it is set
    # The import system writes caches by functions of its own, next to the user's modules.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if first:
        _install()
    redirect_libs.install(layers, keep, tmp)


def _lock(free: Sequence[str]) -> list[str]:
    blind = "programs that the script starts do not see what it has written"
    try:
        kernel.forbid_writes([*free, "/dev", "/proc"])
    except OSError as problem:
        return [
            f"native code and programs that the script starts really write: {problem.strerror or problem}",
            blind,
        ]
    return [
        "native code and programs that the script starts are denied writing outside their temporary folder, "
        "but they can change modes and times of files",
        blind,
    ]


def _install() -> None:
    plain: Any = redirected_open
    for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        group.update(function for name, function in patches.items() if originals[name] in group)
    replace(patches, {id(io.open): redirected_open})
    builtins.open = io.open = plain
