"""A diagnosis whose script runs in a fork of this process, in which torch is imported already.

Everything else is as the command does it; a script that takes a second to start takes a few hundredths.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec
import torch

from sgd_doctor.options import Options, chosen_checks
from sgd_doctor.recording import Recording
from sgd_doctor.run import child
from sgd_doctor.run.echo import Echo
from sgd_doctor.run.launch import Harness, Target
from sgd_doctor.run.reaping import Child, Forked
from sgd_doctor.run.spec import PROBE_SEED, ChildSpec, RunSpec
from sgd_doctor.run.trackers import quiet_trackers
from sgd_doctor.session import Outcome, conclude
from sgd_doctor.start import Talk, run_spec

with contextlib.suppress(ImportError):  # once here, instead of in every fork
    import torch._dynamo


class WarmHarness(Harness):
    """Starts a target in a fork instead of a fresh interpreter."""

    def _start(
        self, run: RunSpec, control: socket.socket | None, patches: dict[str, str] | None = None
    ) -> tuple[Child, int]:
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix="scratch-"))
        reader, writer = os.pipe()
        shown, output = os.pipe()
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
            control_fd=control.fileno() if control is not None else -1,
            notes_fd=writer,
            patches=patches or {},
        )
        pid = os.fork()
        if not pid:
            try:
                os.close(reader)
                os.close(shown)
                if self.control is not None:
                    self.control.close()
                _become_the_script(spec, output)
            except SystemExit as stop:
                os._exit(stop.code if isinstance(stop.code, int) else 1)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(70)
        os.close(writer)
        os.close(output)
        process = Forked(pid)
        self.processes.append(process)
        echo = self.echo if control is not None else Echo(lambda _: None)
        thread = threading.Thread(target=_follow, args=(echo, shown), daemon=True)
        thread.start()
        self._threads.append(thread)
        return process, reader


def _become_the_script(spec: ChildSpec, output: int) -> NoReturn:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for number, source in enumerate((nowhere, output, output)):
        os.dup2(source, number)
    os.close(output)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
    sys.excepthook = sys.__excepthook__
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    quiet_trackers(os.environ, Path(spec.scratch))
    child.main(msgspec.json.encode(spec).decode())


def _follow(echo: Echo, number: int) -> None:
    with open(number, "rb", 0) as pipe:
        echo.follow(pipe)


@contextlib.contextmanager
def watched(name: str, deadline: float) -> Iterator[tuple[WarmHarness, Recording]]:
    """A script of the working directory after it was watched, with what was seen; ready for replays."""
    harness = WarmHarness(Target("script", name), run=run_spec(Options()))
    try:
        yield harness, harness.observe(deadline)
    finally:
        harness.close()


def diagnose(target: Target, options: Options) -> Outcome:
    """What :func:`sgd_doctor.session.diagnose_target` does, warm."""
    checks, notes = chosen_checks(options)
    harness = WarmHarness(target, run=run_spec(options), shield=not options.allow_writes, seed=options.seed)
    try:
        recording = harness.observe(time.monotonic() + options.time_limit)
        return conclude(recording, harness, checks, options, Talk(), notes)
    finally:
        harness.close()
