"""The parent's side of a run, whatever is run: follow it, ask for replays, leave no process and no folder behind."""

from __future__ import annotations

import base64
import contextlib
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sgd_doctor.errors import SgdDoctorError
from sgd_doctor.run.memory import side_by_side
from sgd_doctor.run.reaping import (
    Child,
    adopt_orphans,
    descendants,
    end_group,
    end_strays,
    release_orphans,
    undisturbed,
)
from sgd_doctor.run.replays import ProbeRequest, Replays
from sgd_doctor.run.shield import discard
from sgd_doctor.run.spec import BROKEN_STEPS, STOP, Command, Note, RunSpec, line
from sgd_doctor.run.world import on_one_machine, world_size

if TYPE_CHECKING:
    from sgd_doctor.recording import Recording  # it imports numpy: only once the target is running

INTERRUPT_SECONDS = 2.0
"""How long a script may take to go when it is interrupted as a terminal would do it."""
STOP_SECONDS = 5.0
"""How long it may take to save its recording when its time is up; a loop in C may never do so."""
LAST_SECONDS = 5.0
"""How long a script that came to its end may take for its exit handlers."""
APART = "{} processes train together on several machines: what needs a comparison of runs was not checked"
REFUSED_BY_CUDA = ("re-initialize CUDA in forked subprocess", "CUDA error: initialization error")
CUDA_REFUSED = "CUDA does not start in a fork here"
TOGETHER = "{} processes train together, and all of them are started again for each"


class ForkServerClient(Replays):
    """Talks to the fork server of a watched process (:mod:`sgd_doctor.run.replay`)."""

    kind = "script"
    name: str | None = None
    argv: tuple[str, ...] = ()

    def __init__(self, on_note: Callable[[Note], None] = lambda _: None) -> None:
        self.on_note = on_note
        self.folder = Path(tempfile.mkdtemp(prefix="sgd-doctor-"))
        self.results = self.folder / "results"
        self.results.mkdir()
        self.processes: list[Child] = []
        self.control: socket.socket | None = None
        self.ready = False
        self.sent: Recording | None = None
        """The recording of a process that could not write it into a file."""
        self._probes = 0
        self._buffer = b""
        self.workers = max(1, min(4, os.cpu_count() or 1))
        self.memory = 0
        """Bytes that the watched process took at most: a replay may take as much."""
        self.beside = self.workers
        """How many replays fit on the devices that the watched process used."""
        self.early = False
        """Replays go on from before the first use of CUDA."""
        self._known = set(descendants(os.getpid()))
        self._adopting = adopt_orphans()

    def _take(self, note: Note) -> None:
        if note.at == "anchor":
            self.replay = "fork" if note.fork else "process"
            self.why_not_forked, self.early = note.why, note.early
            if on_one_machine():
                self.replay, self.why_not_forked = "process", TOGETHER.format(world_size())
            elif world_size() > 1:  # those of this machine on their own would wait for the others forever
                self.replay, self.why_not_forked = "none", APART.format(world_size())
        self.memory = max(self.memory, note.memory)
        self.beside = note.beside or self.beside
        if note.data:
            from sgd_doctor.recording import from_bytes

            self.sent = from_bytes(base64.b64decode(note.data))
        self.on_note(note)

    # -- probes

    def probe(self, requests: Sequence[ProbeRequest], *, deadline: float) -> list[Recording | None]:
        """Make the replays, side by side on the cores there are.

        Returns:
            One recording for each request; None where a replay failed or time was up.
        """
        if self.replay == "fork" and self._connect():
            found = self._by_fork(requests, deadline)
            if not (self.early and any(map(lost_to_cuda, found)) and time.monotonic() < deadline):
                return found
            self.replay, self.why_not_forked = "process", CUDA_REFUSED
        if self.replay in ("fork", "process"):
            return self._by_process(requests, deadline)
        return [None] * len(requests)

    def _connect(self) -> bool:
        """Wait for the fork server's greeting (once)."""
        if not self.ready and self.control is not None:
            self.ready = any(note.at == "ready" for note in self._answers(5.0))
        return self.ready

    def _answers(self, seconds: float) -> list[Note]:
        if self.control is None:
            return []
        ready, _, _ = select.select([self.control], [], [], seconds)
        if not ready:
            return []
        try:
            data = self.control.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return notes_in(lines)

    def _spec(self, request: ProbeRequest, deadline: float) -> tuple[int, RunSpec]:
        self._probes += 1
        seconds = max(0.5, deadline - time.monotonic())
        return self._probes, RunSpec(
            output=str(self.results / f"probe-{self._probes}.npz"),
            max_steps=request.steps,
            min_steps=1,
            soft_seconds=seconds,
            hard_seconds=seconds + 2.0,
            interventions=request.interventions,
            measure_task=request.measure_task,
            overhead=0.0,
            broken_steps=BROKEN_STEPS,
            rival=request.rival,
        )

    def _by_fork(self, requests: Sequence[ProbeRequest], deadline: float) -> list[Recording | None]:
        waiting = list(enumerate(requests))
        running: dict[int, tuple[int, Path]] = {}
        results: list[Recording | None] = [None] * len(requests)
        workers = min(self.beside, side_by_side(self.workers, self.memory))
        while (waiting or running) and self.control is not None:
            while waiting and len(running) < workers and time.monotonic() < deadline:
                index, request = waiting.pop(0)
                number, spec = self._spec(request, deadline)
                running[number] = index, Path(spec.output)
                try:
                    self.control.sendall(line(Command(number, spec, request.patches)))
                except OSError:
                    self._hang_up()
                    return results
            if not running:
                break
            for note in self._answers(1.0):
                if note.at == "done" and note.probe in running:
                    index, path = running.pop(note.probe)
                    results[index] = take_recording(path)
            if time.monotonic() > deadline + 10.0:
                break
        return results

    def _by_process(self, requests: Sequence[ProbeRequest], deadline: float) -> list[Recording | None]:
        return [None] * len(requests)

    # -- the end

    def _hang_up(self) -> None:
        if self.control is not None:
            # Others may hold copies of the socket (workers of a loader): the server has to see its end all the same.
            with contextlib.suppress(OSError):
                self.control.shutdown(socket.SHUT_RDWR)
            self.control.close()
            self.control = None

    def close(self) -> None:
        with undisturbed():
            self._hang_up()
            for child in self.processes:
                end_group(child)
            end_strays(self.folder, self._known)
            if self._adopting:
                release_orphans()
            with contextlib.suppress(OSError):
                discard(self.folder)


class NoteReader:
    """Reads what a watched process tells."""

    def __init__(self, pipe: int, child: Child, take: Callable[[Note], None]) -> None:
        self.pipe, self.child, self.take = pipe, child, take
        self.buffer = b""
        self.over = False

    def until_saved(self, deadline: float) -> bool:
        """True once the recording is saved or the process is gone; False where neither came in time."""
        while not self.over and time.monotonic() < deadline:
            ready, _, _ = select.select([self.pipe], [], [], 0.2)
            if not ready:
                self.over = self.child.poll() is not None
                continue
            data = os.read(self.pipe, 1 << 16)
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            self.over = not data
            for note in notes_in(lines):
                self.take(note)
                self.over |= note.at == "saved"
        return self.over


class ProcessReplays(ForkServerClient):
    """Runs the target in a process of its own, followed through its notes."""

    def __init__(self, run: RunSpec, on_note: Callable[[Note], None] = lambda _: None) -> None:
        super().__init__(on_note)
        self.run = run
        self.observed = self.results / "observed.npz"
        self.begun: tuple[Child, int] | None = None
        """The target's process, and the descriptor of its notes."""
        self.saved = False
        """Whether it told that its recording is complete."""
        self.leave_by = 0.0
        self.took = self._begun_at = 0.0
        """Seconds from the target's start until its recording was there."""
        self.on_follow: Callable[[], None] = lambda: None
        """Called when an interrupt would be answered from now on."""

    def _take(self, note: Note) -> None:
        self.saved |= note.at == "saved"
        super()._take(note)

    @abstractmethod
    def _start(
        self, run: RunSpec, control: socket.socket | None, patches: dict[str, str] | None = None
    ) -> tuple[Child, int]:
        """Start the target's process.

        Returns:
            The process, and the descriptor from which its notes are read.
        """

    def begin(self) -> None:
        """Start the target; :meth:`observe` does so where this was not called."""
        self._begun_at = time.monotonic()
        self.control, theirs = socket.socketpair()
        with theirs:
            self.begun = self._start(msgspec.structs.replace(self.run, output=str(self.observed)), theirs)

    def observe(self, deadline: float) -> Recording:
        """Run the target until its recording is there.

        Args:
            deadline: ``time.monotonic()`` at which the run is ended from outside.

        Raises:
            SgdDoctorError: the child left no recording at all.
        """
        from sgd_doctor.recording import load

        if self.begun is None:
            self.begin()
        assert self.begun is not None
        child, notes = self.begun
        self._follow(child, notes, deadline)
        self.took = time.monotonic() - self._begun_at
        late = time.monotonic() >= deadline
        self.leave_by = time.monotonic() + LAST_SECONDS
        if not self.saved:
            self._see_off(child)  # how it ended says what became of it
        recording = self.sent or (load(self.observed) if self.observed.exists() else self._lost(child, deadline))
        return self._as_it_ended(recording, child, late=late)

    def close(self) -> None:
        """Let the script go, end every process and throw the scratch folders away."""
        if self.begun is not None and self.saved:
            self._see_off(self.begun[0])
        super().close()

    def _see_off(self, child: Child) -> None:
        """Let a script that has come to its end run its exit handlers and say its last words.

        That takes as long as many an experiment: where the recording is there, it is examined meanwhile.
        """
        try:
            child.wait(max(0.0, self.leave_by - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)  # alone: its fork server is still needed
        except KeyboardInterrupt:
            self.interrupted = True

    def _as_it_ended(self, recording: Recording, child: Child, *, late: bool) -> Recording:
        """What the process could not know when it saved; one that we ended has not crashed."""
        facts = recording.facts
        status = child.returncode
        if self.interrupted and facts.ended in ("crashed", "killed", "time-limit"):
            stopped = facts.crash is not None and facts.crash.kind == "KeyboardInterrupt"
            facts = msgspec.structs.replace(facts, ended="interrupted", crash=None if stopped else facts.crash)
        elif late and facts.ended == "killed":
            facts = msgspec.structs.replace(facts, ended="time-limit")
        elif facts.ended == "killed" and facts.exit_code is None:
            facts = msgspec.structs.replace(facts, exit_code=status, notes=(_ended_itself(status), *facts.notes))
        return replace(recording, facts=facts)

    def _follow(self, child: Child, notes: int, deadline: float) -> None:
        """Read the child's notes until its recording is saved or it is gone; ended from outside when time is up."""
        with open(notes, "rb", 0) as pipe:
            reader = NoteReader(pipe.fileno(), child, self._take)
            try:
                self.on_follow()
                if reader.until_saved(deadline):
                    return
                os.kill(child.pid, STOP)
            except KeyboardInterrupt:
                # The script is asked to stop as a terminal would ask it; what was seen so far is reported.
                self.interrupted = True
                os.kill(child.pid, signal.SIGINT)
            with contextlib.suppress(KeyboardInterrupt):
                if self.interrupted and not reader.until_saved(time.monotonic() + INTERRUPT_SECONDS):
                    os.kill(child.pid, STOP)
                if reader.until_saved(time.monotonic() + STOP_SECONDS):
                    return
        end_group(child)

    def _lost(self, child: Child, deadline: float) -> Recording:
        """The child ended without a recording: say how, in a recording."""
        from sgd_doctor.recording import Facts, Recording

        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1.0)
        late = time.monotonic() >= deadline
        status = child.returncode
        if status is None and not late:
            raise SgdDoctorError("the child process stopped answering before the first training step")
        how = "time-limit" if late else "killed"
        note = "the time was up before the first training step" if late else _ended_itself(status)
        facts = Facts(
            kind=self.kind,
            path=self.name,
            argv=self.argv,
            ended=how,
            exit_code=status,
            notes=(note,),
        )
        return Recording(facts=facts)

    def _by_process(self, requests: Sequence[ProbeRequest], deadline: float) -> list[Recording | None]:
        """One fresh process each: where the run cannot be forked."""
        return [self._afresh(request, deadline) if time.monotonic() < deadline else None for request in requests]

    def _afresh(self, request: ProbeRequest, deadline: float) -> Recording | None:
        _, spec = self._spec(request, deadline)
        before = len(self.processes)
        child, notes = self._start(spec, None, request.patches)
        self._follow(child, notes, deadline)
        for process in self.processes[before:]:
            end_group(process)
        return take_recording(Path(spec.output))


def lost_to_cuda(recording: Recording | None) -> bool:
    """Whether a replay came to nothing because CUDA does not start in a fork of its process."""
    if recording is None:
        return True
    crash = recording.facts.crash
    return crash is not None and any(text in crash.message for text in REFUSED_BY_CUDA)


def notes_in(lines: Sequence[bytes]) -> list[Note]:
    """The notes among what came; a script that writes into every descriptor it finds adds lines of its own."""
    found = []
    for text in lines:
        with contextlib.suppress(msgspec.DecodeError):
            found.append(msgspec.json.decode(text, type=Note))
    return found


def take_recording(path: Path) -> Recording | None:
    """Load a replay's recording and remove the file; None where the replay left none."""
    if not path.exists():
        return None
    from sgd_doctor.recording import load

    recording = load(path)
    path.unlink()
    return recording


def _ended_itself(status: int | None) -> str:
    return f"the script's process ended by itself ({_signal_name(status)})"


def _signal_name(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
