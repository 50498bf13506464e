"""Renaming folders behind the overlay of an ordinary user, where the kernel leaves it to the caller.

Root's overlays note on a renamed folder where it came from. In a user namespace they may not, and
``rename(2)`` of a folder with something of the lower layer in it fails as between two file systems.
``mv`` and ``shutil.move`` copy then, which is what is done here for ``os.rename`` and ``os.replace``.
"""

from __future__ import annotations

import errno
import functools
import os
from typing import Any

from sgd_doctor.run.patching import Function, originals, replace


def install() -> None:
    """Let ``os.rename`` and ``os.replace`` rename folders as they do without an overlay."""
    names = ("rename", "replace")
    if all(getattr(os, name) is originals[name] for name in names):
        replace({name: _copying(originals[name]) for name in names})


def _copying(original: Function) -> Function:
    @functools.wraps(original)
    def rename(src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        try:
            original(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        except OSError as problem:
            origin, goal = _path(src, src_dir_fd), _path(dst, dst_dir_fd)
            if problem.errno != errno.EXDEV or not _renamable(origin, goal):
                raise
            _move(origin, goal)

    return rename


def _path(path: Any, dir_fd: int | None) -> str:
    text = os.fsdecode(path)
    return text if dir_fd is None else os.path.join(f"/proc/self/fd/{dir_fd}", text)


def _renamable(origin: str, goal: str) -> bool:
    # Between two real file systems the script is to see the error that it would see natively.
    if os.path.islink(origin) or not os.path.isdir(origin):
        return False
    parent = os.path.dirname(goal) or "."
    return os.lstat(origin).st_dev == os.stat(parent).st_dev


def _move(origin: str, goal: str) -> None:
    import shutil  # only now, and only by the few scripts that rename folders

    if os.path.isdir(goal):
        os.rmdir(goal)
    shutil.copytree(origin, goal, symlinks=True)
    shutil.rmtree(origin)
