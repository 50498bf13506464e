"""The parent's side of a run: starts the child, follows it, asks for replays, and leaves no process behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sgd_doctor.recording import Recording, load
from sgd_doctor.run.reaping import adopt_orphans, end_group
from sgd_doctor.run.spec import ChildSpec, Note, RunSpec
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


class Harness(ForkServerClient):
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

    # -- probes

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
            results.append(take_recording(Path(spec.output)))
        return results

    def run_patched(
        self, patches: dict[str, str], steps: int, *, measure_task: bool, deadline: float
    ) -> Recording | None:
        """Run the target from its first line with other text in some of its files, treated in no way."""
        _, spec = self._spec(ProbeRequest((), steps, measure_task), deadline)
        child, notes = self._start(spec, control=None, patches=patches)
        self._follow(child, notes, deadline)
        end_group(child)
        return take_recording(Path(spec.output))


def _interpreter_options() -> list[str]:
    """Options of this interpreter that change how a script behaves (-W, -X, -O, ...)."""
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return options

