"""No process is left over: groups are ended, and orphans come to us."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from typing import Protocol

_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37  # linux/prctl.h


class Child(Protocol):
    """A process that we started: one of :mod:`subprocess`, or a fork."""

    @property
    def pid(self) -> int:
        """The process id, which is also that of its session."""

    @property
    def returncode(self) -> int | None:
        """How it ended, once that is known."""

    def poll(self) -> int | None:
        """Look whether it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises :class:`subprocess.TimeoutExpired`."""


class Forked:
    """A fork of this process, followed like a process of :mod:`subprocess`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Look whether it has ended."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else in this process has waited for it
                self.returncode = 0
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it has not ended within ``timeout`` seconds.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("fork", timeout or 0.0)
            time.sleep(0.002)
        return status


def adopt_orphans() -> bool:
    """Make this process the parent of orphaned descendants (Linux), so that none escapes.

    Returns:
        Whether that is new, and :func:`release_orphans` has to take it back.
    """
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, AttributeError):
        before = ctypes.c_int(0)
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
        return not before.value and not libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return False


def release_orphans() -> None:
    """Leave orphans to init again."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def end_group(child: Child) -> None:
    """Kill the child's session: itself, its fork server, replays and loader workers."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child.pid, signal.SIGKILL)  # a fork may not have reached its own session yet
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(5.0)
    for pid in descendants(os.getpid()):
        if session_of(pid) == child.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def descendants(root: int) -> list[int]:
    """All living descendants of a process, from /proc; empty where there is none."""
    parents: dict[int, int] = {}
    if not os.path.isdir("/proc"):
        return []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                parents[int(name)] = int(file.read().rsplit(b")", 1)[1].split()[1])
    found: list[int] = []
    frontier = {root}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier}
        found.extend(frontier)
    return found


def session_of(pid: int) -> int:
    """The session of a process; -1 where it is gone."""
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return -1
