"""Replays: the process is forked at the first training step, and each fork goes on with the user's own loop.

Costs a few milliseconds a probe instead of the script's imports and data loading.  A device does not survive a
fork, so a script that uses one is forked right before it does so for the first time.  What a fork
needs to be faithful: Python's ``random`` state (CPython reseeds it in every child), one thread
(OpenMP's pool does not survive), private file offsets, no output.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import random
import select
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from sgd_doctor.observe.limits import Limits
from sgd_doctor.observe.observer import Observer
from sgd_doctor.observe.patches import Patches
from sgd_doctor.run import shield
from sgd_doctor.run.channel import Channel
from sgd_doctor.run.reaping import sign_in
from sgd_doctor.run.spec import Command, Note, RunSpec, line

if TYPE_CHECKING:
    from sgd_doctor.run.watching import Run

NVML_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""Lets ``torch.cuda.is_available`` ask in a way that does not start CUDA and leaves forks possible
(https://docs.pytorch.org/docs/stable/notes/multiprocessing.html); done without it, unless the user has decided."""
CLOSED = "the script closed descriptors that are not its own"


def unsafe(threads: bool = True) -> str:
    """Why the process cannot be forked here; empty where it can.

    Args:
        threads: whether another thread of Python is a reason.
    """
    if not hasattr(os, "fork"):
        return "this platform cannot fork"
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # is_available() itself could end all forking
        return "CUDA is in use"
    if getattr(torch, "mps", None) is not None and torch.backends.mps.is_available():
        return "Metal (mps) cannot be forked"
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return "torch.distributed is in use"
    others = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if others and threads:
        return f"another thread is running ({others[0].name})"
    return ""


def fork() -> int:
    """``os.fork`` after which nothing is printed twice and ``random`` goes on as if nothing had happened."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    state = random.getstate()
    with warnings.catch_warnings():
        # Python warns of forks beside threads; those of libraries are not needed in the fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        random.setstate(state)
    return pid


class ForkPoint:
    """Where the watched process is forked, once: at the anchor, or before that where a device forbids it there.

    Args:
        run, observer: those of the watched process.
        control: socket on which the server is to answer.
    """

    def __init__(self, run: Run, observer: Observer, control: Channel) -> None:
        self.run, self.observer, self.control = run, observer, control
        self._early = 0
        """The server that was forked before the first use of CUDA; 0: there is none."""

    def watch_cuda(self, patches: Patches) -> None:
        """Fork before the first use of CUDA: afterwards nothing of the device would survive it."""

        def lazy_init(original: Callable[[], None]) -> Callable[[], None]:
            def wrapper() -> None:
                if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                    self.before_cuda()
                original()

            return wrapper

        def by_nvml(original: Callable[[], bool]) -> Callable[[], bool]:
            return lambda: original() or NVML_CHECK not in os.environ

        patches.replace(torch.cuda, "_lazy_init", lazy_init)
        if hasattr(torch.cuda, "_nvml_based_avail"):
            patches.replace(torch.cuda, "_nvml_based_avail", by_nvml)

    def before_cuda(self) -> None:
        """CUDA is about to be used.  Returns in the watched process, and in each probe."""
        observer = self.observer
        first = not (self._early or self.run.replayed or observer.anchored or observer.finished)
        if first and observer.here() and self.control.open and not unsafe(self.run.threads_matter):
            # The first optimizer of a script imports this, and so would each replay's: more than a second.
            with contextlib.suppress(Exception):
                importlib.import_module("torch._dynamo")
            self._early = self._fork()

    def anchor(self) -> None:
        """The first training step begins.  Returns in the watched process, and in each probe."""
        if self.run.replayed:  # it was forked before
            return
        why = unsafe(self.run.threads_matter) if self.control.open else CLOSED
        if why and self._early and self.control.open:
            self.run.note(Note("anchor", fork=True, early=True))
        elif why:
            self.run.note(Note("anchor", fork=False, why=why))
        else:
            self._end_early()  # CUDA was asked for, and is not there
            if not self._fork():
                return
            self.run.note(Note("anchor", fork=True))
        self.control.close()

    def _end_early(self) -> None:
        if self._early:
            with contextlib.suppress(OSError):
                os.kill(self._early, signal.SIGKILL)
                os.waitpid(self._early, 0)

    def _fork(self) -> int:
        """Fork off the server: its process id in the watched process, 0 in each probe."""
        pid = fork()
        if pid:
            self.run.server_started(pid)
            return pid
        self.run.notes = Channel(-1)
        silence()
        self.run.enter_server()
        server = Server(socket.socket(fileno=self.control.descriptor))
        command = server.serve()
        self.run.watched_by = server.writer
        if command.patches is not None:
            from sgd_doctor.run.again import start_over

            start_over(self.run, command)
        become_probe(self.run, self.observer, command)
        return 0


class Server:
    """Waits for commands and forks one probe for each; it runs nothing of the user's itself."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.buffer = b""
        self.living: dict[int, tuple[int, int, float]] = {}
        """By pipe: number of the probe, its process, its deadline."""
        self.leaving: list[int] = []
        """Probes whose recordings are there; giving back their memory takes a while."""
        self.writer = -1
        """In a probe, its end of the pipe: the server takes it for done once that is closed."""

    def serve(self) -> Command:
        """Returns only in a probe, with the command that it is to carry out."""
        self.send(Note("ready"))
        while True:
            timeout = 0.2 if self.living or self.leaving else None
            sources: list[int] = [self.control.fileno(), *self.living]
            ready, _, _ = select.select(sources, [], [], timeout)
            for source in ready:
                if source in self.living:
                    self.reap(source)
            self.end_late()
            self.leaving = [pid for pid in self.leaving if not os.waitpid(pid, os.WNOHANG)[0]]
            if self.control.fileno() in ready:
                for command in self.receive():
                    if self.spawn(command):
                        return command

    def send(self, note: Note) -> None:
        try:
            self.control.sendall(line(note))
        except OSError:
            os._exit(0)

    def receive(self) -> list[Command]:
        data = self.control.recv(1 << 16)
        if not data:
            for _, pid, _ in self.living.values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os._exit(0)
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        return [msgspec.json.decode(text, type=Command) for text in lines]

    def spawn(self, command: Command) -> bool:
        """Fork a probe.  True in the probe."""
        reader, writer = os.pipe()
        pid = fork()
        if pid == 0:
            os.close(reader)
            self.control.close()
            for pipe in self.living:
                os.close(pipe)
            self.writer = writer
            return True
        os.close(writer)
        self.living[reader] = (command.probe, pid, time.monotonic() + command.run.hard_seconds)
        return False

    def reap(self, pipe: int) -> None:
        number, pid, _ = self.living.pop(pipe)
        os.close(pipe)
        self.leaving.append(pid)
        self.send(Note("done", probe=number))

    def end_late(self) -> None:
        for _, pid, deadline in self.living.values():
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def silence() -> None:
    """Standard streams to nowhere: a replay prints nothing and waits for no input."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def become_probe(run: Run, observer: Observer, command: Command) -> None:
    """Turn this fork into a replay; it goes on with the user's code when this returns, and is treated at the anchor."""
    torch.set_num_threads(1)
    if run.shielded:
        isolate(run, Path(command.run.output))
    private_offsets()
    loaders_without_workers()
    spec = command.run
    run.spec, run.saved, run.replayed, run.pid = spec, False, True, os.getpid()
    run._snapshot = time.monotonic()
    observer.away, observer.thread = False, threading.get_ident()
    observer.limits = limits_of(spec)
    observer.restart_clock()


def limits_of(spec: RunSpec) -> Limits:
    """When a run of ``spec`` ends by itself."""
    return Limits(spec.max_steps, spec.min_steps, spec.soft_seconds, spec.overhead, spec.broken_steps, spec.rival)


def isolate(run: Run, output: Path) -> bool:
    """A shield of its own: what this replay writes is not what another one reads.  False where it could not be had."""
    place = output.with_suffix(".scratch")
    place.mkdir(exist_ok=True)
    try:
        shield.activate(place, keep=(place.parent,), force="overlay")
        sign_in(place.parent)
    except OSError:
        run.extra_notes.append("replays share the files that they write")
        return False
    return True


def private_offsets() -> None:
    """Open regular files anew, so that reading in one replay does not move the others' position."""
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        number = int(name)
        if number < 3:
            continue
        with contextlib.suppress(OSError):
            path = os.readlink(f"/proc/self/fd/{number}")
            flags = fcntl.fcntl(number, fcntl.F_GETFL)
            if not path.startswith("/") or not os.path.isfile(path) or flags & os.O_ACCMODE != os.O_RDONLY:
                continue
            position = os.lseek(number, 0, os.SEEK_CUR)
            fresh = os.open(path, flags & ~(os.O_CREAT | os.O_TRUNC | os.O_EXCL))
            os.lseek(fresh, position, os.SEEK_SET)
            os.dup2(fresh, number)
            os.close(fresh)


def loaders_without_workers() -> None:
    """Loader workers belong to the process that started them: a replay loads in its own process."""
    from torch.utils.data import dataloader

    def single(self: Any) -> Any:
        workers, timeout, factor = self.num_workers, self.timeout, self.prefetch_factor
        self.num_workers, self.timeout, self.prefetch_factor = 0, 0, None
        try:
            return dataloader._SingleProcessDataLoaderIter(self)
        finally:
            self.num_workers, self.timeout, self.prefetch_factor = workers, timeout, factor

    dataloader.DataLoader._get_iterator = single  # type: ignore[method-assign]
