"""Work dealt out to forks of this process."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def side_by_side(jobs: Sequence[Callable[[], T]], processes: int) -> list[T]:
    """What each of ``jobs`` returns, in order.

    Each of ``processes`` takes every so-many-th of them, and this one those of a fork that fails.  A process with
    other threads must not fork: ``processes`` is 1 there.
    """
    count = max(1, min(processes, len(jobs)))
    pipes = {first: _begin(jobs[first::count]) for first in range(1, count)}
    found = {0: [job() for job in jobs[::count]]}
    for first, (pid, pipe) in pipes.items():
        found[first] = _fetch(pid, pipe) or [job() for job in jobs[first::count]]
    return [found[number % count][number // count] for number in range(len(jobs))]


def _begin(jobs: Sequence[Callable[[], T]]) -> tuple[int, int]:
    """Start a fork on ``jobs``.

    Returns:
        Its process, and the descriptor from which its results are read.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        os.close(reader)
        with open(writer, "wb") as pipe:
            pickle.dump([job() for job in jobs], pipe)
    finally:
        os._exit(0)


def _fetch(pid: int, pipe: int) -> list[T] | None:
    with open(pipe, "rb") as results:
        data = results.read()
    os.waitpid(pid, 0)
    try:
        found: list[T] = pickle.loads(data)  # from our own fork
    except (EOFError, pickle.UnpicklingError):
        return None
    return found
