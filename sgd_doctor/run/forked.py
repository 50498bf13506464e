"""A function of the user's own process, run and watched in forks of it: nothing of it changes here."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch

from sgd_doctor.errors import SgdDoctorError, UsageError
from sgd_doctor.recording import Recording
from sgd_doctor.run import shield
from sgd_doctor.run.echo import Echo, Limited
from sgd_doctor.run.harness import ProcessReplays, lost_to_cuda
from sgd_doctor.run.loaders import disown_workers
from sgd_doctor.run.reaping import Child, Forked, die_with_parent, sign_in
from sgd_doctor.run.replay import fork
from sgd_doctor.run.spec import Note, RunSpec
from sgd_doctor.run.streams import redirect_output
from sgd_doctor.run.trackers import quiet_trackers
from sgd_doctor.run.watching import Run, carry_out, leave, seed_everything, watch


@dataclass(frozen=True)
class Call:
    """What is run: ``kind`` (callable or parts) and ``name`` as the report shows them."""

    kind: str
    name: str | None
    body: Callable[[], object]


class CannotFork(SgdDoctorError):
    """The call does not work in a fork of this process; the text says why."""


class ForkedCall(ProcessReplays):
    """Runs a call in a fork of this process under observation, and again as often as probes are wanted."""

    def __init__(
        self,
        call: Call,
        *,
        run: RunSpec,
        seed: int | None = None,
        echo: Callable[[bytes], None] = lambda _: None,
        on_note: Callable[[Note], None] = lambda _: None,
    ) -> None:
        super().__init__(run, on_note)
        self.call, self.seed, self.echo = call, seed, Echo(Limited(echo))
        self.kind, self.name = call.kind, call.name
        self.editable = call.kind != "parts"
        self.refused: Note | None = None
        self._threads: list[threading.Thread] = []

    def observe(self, deadline: float) -> Recording:
        """Run the call until its recording is there.

        Args:
            deadline: ``time.monotonic()`` at which the run is ended from outside.

        Raises:
            UsageError: the call cannot be used as it is.
            CannotFork: it might work, but not in a fork.
        """
        try:
            recording = super().observe(deadline)
        except SgdDoctorError:
            if self.refused is None:
                raise
        if self.refused is not None:
            raise (CannotFork if self.refused.at == "unforkable" else UsageError)(self.refused.why)
        if lost_to_cuda(recording):
            raise CannotFork("CUDA was used before in this process")
        return recording

    def _take(self, note: Note) -> None:
        if note.at in ("refused", "unforkable"):
            self.refused = note
        super()._take(note)

    def _start(
        self, run: RunSpec, control: socket.socket | None, patches: dict[str, str] | None = None
    ) -> tuple[Child, int]:
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix="scratch-"))
        user = os.getpid()
        notes, theirs = os.pipe()
        shown, output = os.pipe() if control is not None else (-1, -1)
        pid = fork()
        if not pid:
            try:
                _close(notes, shown)
                die_with_parent(user)
                self._in_fork(run, theirs, output, control, scratch)
            finally:
                os._exit(70)
        _close(theirs, output)
        child = Forked(pid)
        self.processes.append(child)
        if shown >= 0:
            thread = threading.Thread(target=_follow_output, args=(self.echo, shown), daemon=True)
            thread.start()
            self._threads.append(thread)
        return child, notes

    def _in_fork(
        self, spec: RunSpec, notes: int, output: int, control: socket.socket | None, scratch: Path
    ) -> NoReturn:
        info = enter_fork(scratch, self.results, output)
        if self.control is not None:
            self.control.close()  # the user's end: while a copy is open the server would outlive the user
        run = Run(self.call.kind, self.call.name, (), spec, notes)
        run.forked = run.shielded = True

        def gone_wrong(at: str, why: str) -> NoReturn:
            run.note(Note(at, why=why))
            leave(2)

        def body() -> None:
            try:
                self.call.body()
            except UsageError as error:
                gone_wrong("refused", str(error))

        disown_workers(lambda: gone_wrong("unforkable", "it reads from workers of a loader that ran before"))
        if not backward_survives_fork():
            gone_wrong("unforkable", "torch ran a backward pass in this process, and has threads for CUDA since")
        run.extra_notes.extend(info.notes)
        watch(run, control.detach() if control is not None else -1)
        if self.seed is not None:
            seed_everything(self.seed)
        carry_out(run, body)

    def close(self) -> None:
        """End every process and throw the scratch folders away."""
        super().close()
        for thread in self._threads:
            thread.join(1.0)


def enter_fork(scratch: Path, keep: Path, output: int = -1) -> shield.ShieldInfo:
    """In a fresh fork of the user's process: a session of its own, one thread, a shield, no way to the user's screen.

    Args:
        scratch: existing folder for what the fork writes; the user's process throws it away.
        keep: existing folder in which writing stays real.
        output: descriptor to which what is printed goes; -1: to nowhere.

    Returns:
        How the fork is shielded.
    """
    os.setsid()
    signal.set_wakeup_fd(-1)  # an event loop's: a signal here would wake the one there
    info = shield.activate(scratch, keep=(keep,))  # first: it needs a process with one thread
    sign_in(keep)
    redirect_output(output)
    _close(output)
    quiet_trackers(os.environ, scratch)
    torch.set_num_threads(1)  # OpenMP's threads do not survive a fork
    limits = sys.modules.get("threadpoolctl")
    if limits is not None:
        limits.threadpool_limits(1, user_api="openmp")
    return info


def backward_survives_fork() -> bool:
    """Whether backward passes work in forks of this process (with CUDA, not after one has run in it)."""
    if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        return True
    pid = fork()
    if not pid:
        status = 1
        try:
            torch.set_num_threads(1)
            torch.ones(1, requires_grad=True).sum().backward()  # type: ignore[no-untyped-call]
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _close(*descriptors: int) -> None:
    for number in descriptors:
        if number >= 0:
            os.close(number)


def _follow_output(echo: Echo, number: int) -> None:
    with open(number, "rb", 0) as pipe:
        echo.follow(pipe)
