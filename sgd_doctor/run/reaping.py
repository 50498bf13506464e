"""No process is left over: groups are ended, and orphans come to us."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 1, 36, 37  # linux/prctl.h
NAMESPACES = "namespaces"


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


POLITE = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals by which a terminal, a shell or a scheduler asks a program to end."""


@contextlib.contextmanager
def all_as_interrupts() -> Iterator[None]:
    """Let every polite request to end do what Ctrl-C does, so that nothing is left behind."""
    here = threading.current_thread() is threading.main_thread()
    taken = [number for number in POLITE if here and signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def held() -> Iterator[Callable[[], None]]:
    """Let polite requests to end wait until somebody can answer them.

    Yields:
        The function that says so: it raises KeyboardInterrupt where one has come meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    asked: list[int] = []
    before = {number: signal.signal(number, lambda got, _: asked.append(got)) for number in POLITE}

    def release() -> None:
        _put_back(before)
        before.clear()
        if asked:
            asked.clear()
            raise KeyboardInterrupt

    try:
        yield release
    finally:
        _put_back(before)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold polite requests to end off while processes are being ended and folders removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in POLITE}
    try:
        yield
    finally:
        _put_back(before)


def _put_back(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None:  # one that was not installed from Python cannot be put back
            signal.signal(number, handler)


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


def die_with_parent(parent: int) -> None:
    """End this process when the process ``parent`` that started it ends, in whatever way (Linux)."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


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


def sign_in(folder: Path) -> None:
    """In a shielded process: leave word in which mount namespace it runs, as all that it starts will."""
    with contextlib.suppress(OSError), open(folder / NAMESPACES, "a") as file:
        file.write(f"{_namespace(os.getpid())}\n")


def end_strays(folder: Path, known: set[int]) -> None:
    """Kill what the runs started and what left their sessions (daemons do).

    Nothing else may be hit, because the diagnosis may run within the user's own process: a stray has the
    mount namespace of one of the runs, or their scratch folder in its environment.

    Args:
        folder: the folder of these runs; ``results`` in it is where they signed in.
        known: descendants of this process that were there before.
    """
    spaces: set[str] = set()
    with contextlib.suppress(OSError):
        spaces = set((folder / "results" / NAMESPACES).read_text().split()) - {_namespace(os.getpid())}
    mark = os.fsencode(folder)
    for pid in descendants(os.getpid()):
        if pid not in known and (_namespace(pid) in spaces or mark in _environment(pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return ""


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


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
