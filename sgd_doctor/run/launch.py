"""Scripts, modules and notebooks: started in a child process as python would start them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sgd_doctor.run.echo import Echo
from sgd_doctor.run.harness import ProcessReplays
from sgd_doctor.run.reaping import Child
from sgd_doctor.run.replays import ProbeRequest
from sgd_doctor.run.spec import PROBE_SEED, ChildSpec, Note, RunSpec
from sgd_doctor.run.trackers import quiet_trackers
from sgd_doctor.run.world import on_one_machine, places, world_size

if TYPE_CHECKING:
    from sgd_doctor.recording import Recording

_PACKAGE_PARENT = str(Path(__file__).resolve().parent.parent.parent)
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, {parent!r}); from sgd_doctor.run.child import main; sys.path.pop(0);"
    " sys.path.pop(0) if sys.path and sys.path[0] == '' else None; main(sys.argv[1])"
)
AGAIN_LONGER, AGAIN_SECONDS = 2.0, 5.0
"""A run from the first line in a fork may take so many times as long as the watched one, and so many seconds more."""
LAST_OUTPUT_SECONDS = 1.0
LATE_SECONDS = 5.0
"""How much later than asked for a worker may send its recording."""
LONGEST_REASON = 200
"""Characters that a report tells of why a worker failed."""


@dataclass(frozen=True)
class Target:
    """What to run.  ``kind``: script, module or notebook."""

    kind: str
    name: str
    argv: tuple[str, ...] = ()


class Harness(ProcessReplays):
    """Runs the target once under observation, and again as often as probes are wanted."""

    def __init__(
        self,
        target: Target,
        *,
        run: RunSpec,
        shield: bool = True,
        seed: int | None = None,
        echo: Callable[[bytes], None] = lambda _: None,
        on_note: Callable[[Note], None] = lambda _: None,
        executor: Executor | None = None,
        cwd: str | None = None,
    ) -> None:
        super().__init__(run, on_note)
        self.executor, self.cwd = executor, cwd
        self.target, self.shield, self.seed = target, shield, seed
        self.kind, self.name, self.argv = target.kind, target.name, target.argv
        self.patchable = world_size() == 1 or on_one_machine()
        self.echo = Echo(echo)
        self._threads: list[threading.Thread] = []
        self._asked = 0
        self._failures: list[str] = []
        """Why the executor's workers did not make a replay, for each that they did not."""

    def _start(
        self, run: RunSpec, control: socket.socket | None, patches: dict[str, str] | None = None
    ) -> tuple[Child, int]:
        reader, writer = os.pipe()
        # The other processes of a watched run have a sgd-doctor of their own; those of a replay are all started here.
        environs = [{}] if control is not None else places()
        child = self._spawn(run, environs[0], control, writer, patches or {})
        os.close(writer)
        for number, environ in enumerate(environs[1:], 1):
            beside = msgspec.structs.replace(run, output=f"{run.output}.{number}")
            self._spawn(beside, environ, None, -1, patches or {})
        return child, reader

    def _spawn(
        self, run: RunSpec, more: dict[str, str], control: socket.socket | None, notes: int, patches: dict[str, str]
    ) -> Child:
        """Start one process, with ``more`` in its environment; ``notes``: the descriptor that it tells them to."""
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix="scratch-"))
        control_fd = control.fileno() if control is not None else -1
        spec = ChildSpec(
            kind=self.target.kind,
            target=self.target.name,
            argv=self.target.argv,
            run=run,
            parent=os.getpid(),
            scratch=str(scratch),
            results=str(self.results),
            shield=self.shield,
            seed=PROBE_SEED if self.seed is None and control is None else self.seed,
            control_fd=control_fd,
            notes_fd=notes,
            patches=patches,
        )
        environ = os.environ | more
        if self.shield:
            quiet_trackers(environ, scratch)
        if control is None:
            environ.setdefault("PYTHONHASHSEED", str(PROBE_SEED))  # the order of sets, too, decides what is drawn
        child = subprocess.Popen(
            [
                sys.executable,
                *_interpreter_options(),
                "-c",
                _BOOTSTRAP.format(parent=_PACKAGE_PARENT),
                msgspec.json.encode(spec).decode(),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd=self.cwd,
            start_new_session=True,
            pass_fds=[fd for fd in (notes, control_fd) if fd >= 0],
        )
        self.processes.append(child)
        if child.stdout is not None:
            echo = self.echo if control is not None else Echo(lambda _: None)
            thread = threading.Thread(target=echo.follow, args=(child.stdout,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return child

    def _take(self, note: Note) -> None:
        super()._take(note)
        if note.at == "anchor" and self.executor is not None and self.replay != "none":
            self.replay, self.why_not_forked = "process", f"a {type(self.executor).__name__} made them"

    def probe(self, requests: Sequence[ProbeRequest], *, deadline: float) -> list[Recording | None]:
        """Make the replays: in forks of the watched process where that can be, or by the executor."""
        if self.executor is None or self.replay == "none":
            return super().probe(requests, deadline=deadline)
        job = Elsewhere(self.target, self.run, self.shield, self.seed)
        found, reasons = spread(self.executor, job, requests, deadline)
        self._asked += len(found)
        self._failures += reasons
        if self._failures:
            lost = f"{len(self._failures)} of {self._asked} were lost ({self._failures[0]})"
            self.why_not_forked = f"a {type(self.executor).__name__} made them; {lost}"
        return found

    def _see_off(self, child: Child) -> None:
        super()._see_off(child)
        for thread in self._threads:
            thread.join(LAST_OUTPUT_SECONDS)  # ends with the pipe, unless a process of the script's still holds it

    def run_patched(
        self, patches: dict[str, str], steps: int, *, measure_task: bool, deadline: float
    ) -> Recording | None:
        """Run the target from its first line with other text in some of its files, treated in no way.

        In a fork of the watched process, which has everything imported, or in a fresh one where that does not work:
        what a library keeps from the first run may forbid a second one.
        """
        request = ProbeRequest((), steps, measure_task, patches)
        # A lock that some thread of the first run held would be waited for without end.
        soon = min(deadline, time.monotonic() + AGAIN_LONGER * self.took + AGAIN_SECONDS)
        found = self._by_fork([request], soon)[0] if self.replay == "fork" and self._connect() else None
        if found is None or not found.steps or found.facts.crash is not None:
            found = self._afresh(request, deadline)
        return found


@dataclass(frozen=True)
class Elsewhere:
    """Everything that a worker of an executor needs to make a replay; it is sent there."""

    target: Target
    run: RunSpec
    shield: bool
    seed: int | None
    cwd: str = field(default_factory=os.getcwd)

    def replay(self, request: ProbeRequest, seconds: float) -> Recording | None:
        """Make one, in a fresh process of the machine that this is called on."""
        harness = Harness(self.target, run=self.run, shield=self.shield, seed=self.seed, cwd=self.cwd)
        try:
            return harness._afresh(request, time.monotonic() + seconds)
        finally:
            harness.close()


def spread(
    executor: Executor, job: Elsewhere, requests: Sequence[ProbeRequest], deadline: float
) -> tuple[list[Recording | None], list[str]]:
    """The replays that an executor's workers make (None where one failed or came too late), and why some are lost."""
    seconds = deadline - time.monotonic()
    found: list[Recording | None] = []
    reasons: list[str] = []
    futures: list[Future[Recording | None]] = []
    for request in requests:
        try:
            futures.append(executor.submit(job.replay, request, seconds))
        except Exception as error:  # as a worker that cannot be reached
            futures.append(Future())
            futures[-1].set_exception(error)
    for future in futures:
        try:
            found.append(future.result(max(0.0, deadline + LATE_SECONDS - time.monotonic())))
        except Exception as error:  # whatever a worker raises on its way: this replay is not there
            future.cancel()
            found.append(None)
            reasons.append(f"{type(error).__name__}: {error}".strip().splitlines()[0][:LONGEST_REASON])
    return found, reasons


def _interpreter_options() -> list[str]:
    """Options of this interpreter that change how a script behaves (-W, -X, -O, ...)."""
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return options
