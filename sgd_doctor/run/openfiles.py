"""Files that are open for writing when the shield goes up, and would go round it, are opened anew."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sgd_doctor.run.kernel import LIVE, within

_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
# Flags that take effect once, when a file is opened for the first time.
_ONCE = os.O_CREAT | os.O_EXCL | os.O_TRUNC


class OpenFile(NamedTuple):
    """A descriptor that writes to a regular file with a name."""

    number: int
    path: str
    flags: int


def writable(keep: Sequence[str]) -> list[OpenFile]:
    """The descriptors through which this process could still write to files outside ``keep``.

    The three standard streams are left out, and whatever else writes to the files behind them: a user
    who sends the output to a file wants it there.
    """
    free = set()
    for number in (0, 1, 2):
        try:
            seen = os.fstat(number)
            free.add((seen.st_dev, seen.st_ino))
        except OSError:
            continue
    found = []
    for name in os.listdir("/proc/self/fd"):
        one = _writable_file(int(name), free)
        if one is not None and not any(within(one.path, place) for place in (*LIVE, *keep)):
            found.append(one)
    return found


def _writable_file(number: int, free: set[tuple[int, int]]) -> OpenFile | None:
    try:
        seen = os.fstat(number)
        if not stat.S_ISREG(seen.st_mode) or not seen.st_nlink or (seen.st_dev, seen.st_ino) in free:
            return None
        with open(f"/proc/self/fdinfo/{number}") as file:
            flags = next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))
        if flags & _ACCESS == os.O_RDONLY:
            return None
        return OpenFile(number, os.readlink(f"/proc/self/fd/{number}"), flags)
    except (OSError, StopIteration):
        return None


def reopen(files: Sequence[OpenFile], locate: Callable[[str], str]) -> list[str]:
    """Put a descriptor on what ``locate`` makes of each path in the place of the one that was open.

    Position, mode and the descriptor's number stay, so that Python's file objects go on as before.
    Returns notes on those for which that failed.
    """
    notes = []
    for number, path, flags in files:
        try:
            fresh = os.open(locate(path), flags & ~_ONCE)
            try:
                os.lseek(fresh, os.lseek(number, 0, os.SEEK_CUR), os.SEEK_SET)
                os.dup2(fresh, number, inheritable=os.get_inheritable(number))
            finally:
                os.close(fresh)
        except OSError as error:
            notes.append(f"{path} was open before the shield and is still written to: {error.strerror}")
    return notes


def mapped(keep: Sequence[str]) -> list[str]:
    """Notes on files that are mapped into memory for writing: what is in place cannot be moved elsewhere."""
    paths = set()
    with open("/proc/self/maps", errors="surrogateescape") as file:
        for line in file:
            fields = line.rstrip("\n").split(None, 5)
            if len(fields) == 6 and fields[1].startswith("rw") and fields[1].endswith("s"):
                paths.add(fields[5])
    return [
        f"{path} was mapped into memory before the shield and is still written to"
        for path in sorted(paths)
        if path.startswith("/")
        and not path.endswith(" (deleted)")
        and not any(within(path, place) for place in (*LIVE, *keep))
    ]
