"""The parent's side of a run, whatever is run: follow it, ask for replays, leave no process and no folder behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from sgd_doctor.errors import SgdDoctorError
from sgd_doctor.findings import Intervention
from sgd_doctor.recording import Facts, Recording, load
from sgd_doctor.run.reaping import Child, adopt_orphans, end_group, release_orphans
from sgd_doctor.run.shield import discard
from sgd_doctor.run.spec import Command, Note, RunSpec, line

INTERRUPT_SECONDS = 3.0
MAX_ECHO = 1 << 20
"""Bytes of the script's output that are shown."""


@dataclass(frozen=True)
class ProbeRequest:
    """One replay to be made."""

    interventions: tuple[Intervention, ...]
    steps: int
    measure_task: bool = False


class Echo:
    """Passes the script's output on, up to a limit."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.sink, self.shown = sink, 0

    def follow(self, pipe: BinaryIO) -> None:
        while chunk := os.read(pipe.fileno(), 1 << 16):
            if self.shown < MAX_ECHO:
                self.sink(chunk)
            elif self.shown - len(chunk) < MAX_ECHO:
                self.sink(b"\n[the script prints more than 1 MB; the rest is not shown]\n")
            self.shown += len(chunk)


class Replays(ABC):
    """A loop that was watched once and can be run again with something changed.

    Attributes:
        replay: how that is done: ``fork``, ``process``, ``snapshot``, or ``none`` where it cannot be.
        why_not_forked: the reason, where it is not ``fork``.
        interrupted: the user pressed Ctrl-C while the run was watched.
        patchable: whether :meth:`run_patched` can run edited files.
    """

    replay = "none"
    why_not_forked = ""
    interrupted = False
    patchable = False

    @abstractmethod
    def probe(self, requests: Sequence[ProbeRequest], *, deadline: float) -> list[Recording | None]:
        """Make the replays.

        Args:
            requests: what to change, and for how many steps.
            deadline: ``time.monotonic()`` after which none is begun.

        Returns:
            One recording for each request; None where a replay failed or time was up.
        """

    def run_patched(
        self, patches: dict[str, str], steps: int, *, measure_task: bool, deadline: float
    ) -> Recording | None:
        """Run the target from its first line with other text in some of its files; None where that cannot be."""
        return None

    def close(self) -> None:
        """End every process and throw the scratch folders away."""


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
        self._probes = 0
        self._buffer = b""
        self.workers = max(1, min(4, os.cpu_count() or 1))
        self._adopting = adopt_orphans()

    # -- the observed run

    def _follow(self, child: subprocess.Popen[bytes], notes: int, deadline: float) -> None:
        """Read the child's notes until its recording is saved, it is gone, or time is up."""
        buffer = b""
        try:
            while time.monotonic() < deadline:
                ready, _, _ = select.select([notes], [], [], 0.2)
                if not ready:
                    if child.poll() is not None:
                        return
                    continue
                data = os.read(notes, 1 << 16)
                if not data:
                    child.poll()
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                for text in lines:
                    note = msgspec.json.decode(text, type=Note)
                    self._take(note)
                    if note.at == "saved":
                        return
        except KeyboardInterrupt:
            # The script is asked to stop as a terminal would ask it; what was seen so far is reported.
            self.interrupted = True
            os.kill(child.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                child.wait(INTERRUPT_SECONDS)
        finally:
            os.close(notes)
        end_group(child)

    def _take(self, note: Note) -> None:
        if note.at == "anchor":
            self.replay = "fork" if note.fork else "process"
            self.why_not_forked = note.why
        self.on_note(note)

    def _lost(self, child: subprocess.Popen[bytes], deadline: float) -> Recording:
        """The child ended without a recording: say how, in a recording."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1.0)
        late = time.monotonic() >= deadline
        status = child.returncode
        if status is None and not late:
            raise SgdDoctorError("the child process stopped answering before the first training step")
        how = "time-limit" if late else "killed"
        note = (
            "the time was up before the first training step"
            if late
            else f"the script's process ended by itself with status {status} ({_signal_name(status)})"
        )
        facts = Facts(
            kind=self.kind,
            path=self.name,
            argv=self.argv,
            ended=how,
            exit_code=status,
            notes=(note,),
        )
        return Recording(facts=facts)

    # -- probes

    def probe(self, requests: Sequence[ProbeRequest], *, deadline: float) -> list[Recording | None]:
        """Make the replays, side by side on the cores there are.

        Returns:
            One recording for each request; None where a replay failed or time was up.
        """
        if self.replay == "fork" and self._connect():
            return self._by_fork(requests, deadline)
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
        data = self.control.recv(1 << 16) if ready else b""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [msgspec.json.decode(text, type=Note) for text in lines]

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
        )

    def _by_fork(self, requests: Sequence[ProbeRequest], deadline: float) -> list[Recording | None]:
        waiting = list(enumerate(requests))
        running: dict[int, tuple[int, Path]] = {}
        results: list[Recording | None] = [None] * len(requests)
        while (waiting or running) and self.control is not None:
            while waiting and len(running) < self.workers and time.monotonic() < deadline:
                index, request = waiting.pop(0)
                number, spec = self._spec(request, deadline)
                running[number] = index, Path(spec.output)
                self.control.sendall(line(Command(number, spec)))
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
        """One fresh process each: where the run cannot be forked."""
        return [None] * len(requests)

    # -- the end

    def close(self) -> None:
        if self.control is not None:
            # Others may hold copies of the socket (workers of a loader): the server has to see its end all the same.
            with contextlib.suppress(OSError):
                self.control.shutdown(socket.SHUT_RDWR)
            self.control.close()
            self.control = None
        for child in self.processes:
            end_group(child)
        if self._adopting:
            release_orphans()
        with contextlib.suppress(OSError):
            discard(self.folder)


def take_recording(path: Path) -> Recording | None:
    """Load a replay's recording and remove the file; None where the replay left none."""
    if not path.exists():
        return None
    recording = load(path)
    path.unlink()
    return recording


def _signal_name(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
