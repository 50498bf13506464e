"""The parent's side of a run: starts the child, follows it, asks for replays, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from sgd_doctor.errors import SgdDoctorError
from sgd_doctor.findings import Intervention
from sgd_doctor.recording import Recording, load
from sgd_doctor.run.reaping import adopt_orphans, end_group
from sgd_doctor.run.shield import discard
from sgd_doctor.run.spec import ChildSpec, Command, Note, RunSpec, line
from sgd_doctor.run.trackers import quiet_trackers

_PACKAGE_PARENT = str(Path(__file__).resolve().parent.parent.parent)
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, {parent!r}); from sgd_doctor.run.child import main; sys.path.pop(0);"
    " sys.path.pop(0) if sys.path and sys.path[0] == '' else None; main(sys.argv[1])"
)
INTERRUPT_SECONDS = 3.0
MAX_ECHO = 1 << 20
"""Bytes of the script's output that are shown."""


@dataclass(frozen=True)
class Target:
    """What to run.  ``kind``: script, module or notebook."""

    kind: str
    name: str
    argv: tuple[str, ...] = ()


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


class Harness:
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
    ) -> None:
        self.target, self.run, self.shield, self.seed = target, run, shield, seed
        self.echo, self.on_note = Echo(echo), on_note
        self.folder = Path(tempfile.mkdtemp(prefix="sgd-doctor-"))
        self.results = self.folder / "results"
        self.results.mkdir()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.control: socket.socket | None = None
        self.ready = self.interrupted = False
        self.replay = "none"
        self.why_not_forked = ""
        self._probes = 0
        self._buffer = b""
        self.workers = max(1, min(4, os.cpu_count() or 1))
        adopt_orphans()

    # -- the observed run

    def observe(self, deadline: float) -> Recording:
        """Run the target until its recording is there.

        Args:
            deadline: ``time.monotonic()`` at which the run is ended from outside.

        Raises:
            SgdDoctorError: the child left no recording at all.
        """
        ours, theirs = socket.socketpair()
        output = self.results / "observed.npz"
        spec = msgspec.structs.replace(self.run, output=str(output))
        child, notes = self._start(spec, control=theirs)
        theirs.close()
        self.control = ours
        self._follow(child, notes, deadline)
        if not output.exists():
            return self._lost(child, deadline)
        return load(output)

    def _start(
        self, run: RunSpec, control: socket.socket | None, patches: dict[str, str] | None = None
    ) -> tuple[subprocess.Popen[bytes], int]:
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix="scratch-"))
        reader, writer = os.pipe()
        control_fd = control.fileno() if control is not None else -1
        spec = ChildSpec(
            kind=self.target.kind,
            target=self.target.name,
            argv=self.target.argv,
            run=run,
            scratch=str(scratch),
            results=str(self.results),
            shield=self.shield,
            seed=self.seed,
            control_fd=control_fd,
            notes_fd=writer,
            patches=patches or {},
        )
        environ = dict(os.environ)
        if self.shield:
            quiet_trackers(environ, scratch)
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
            start_new_session=True,
            pass_fds=[fd for fd in (writer, control_fd) if fd >= 0],
        )
        os.close(writer)
        self.processes.append(child)
        if child.stdout is not None:
            echo = self.echo if control is not None else Echo(lambda _: None)
            threading.Thread(target=echo.follow, args=(child.stdout,), daemon=True).start()
        return child, reader

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
        from sgd_doctor.recording import Facts

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
            kind=self.target.kind,
            path=self.target.name,
            argv=self.target.argv,
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
                    results[index] = _take_recording(path)
            if time.monotonic() > deadline + 10.0:
                break
        return results

    def _by_process(self, requests: Sequence[ProbeRequest], deadline: float) -> list[Recording | None]:
        """One fresh process each: where the run cannot be forked."""
        results: list[Recording | None] = []
        for request in requests:
            if time.monotonic() >= deadline:
                results.append(None)
                continue
            _, spec = self._spec(request, deadline)
            child, notes = self._start(spec, control=None)
            self._follow(child, notes, deadline)
            end_group(child)
            results.append(_take_recording(Path(spec.output)))
        return results

    def run_patched(
        self, patches: dict[str, str], steps: int, *, measure_task: bool, deadline: float
    ) -> Recording | None:
        """Run the target from its first line with other text in some of its files, treated in no way."""
        _, spec = self._spec(ProbeRequest((), steps, measure_task), deadline)
        child, notes = self._start(spec, control=None, patches=patches)
        self._follow(child, notes, deadline)
        end_group(child)
        return _take_recording(Path(spec.output))

    # -- the end

    def close(self) -> None:
        """End every process and throw the scratch folders away."""
        if self.control is not None:
            self.control.close()
            self.control = None
        for child in self.processes:
            end_group(child)
        with contextlib.suppress(OSError):
            discard(self.folder)


def _take_recording(path: Path) -> Recording | None:
    if not path.exists():
        return None
    recording = load(path)
    path.unlink()
    return recording


def _interpreter_options() -> list[str]:
    """Options of this interpreter that change how a script behaves (-W, -X, -O, ...)."""
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return options


def _signal_name(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
