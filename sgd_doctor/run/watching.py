"""The target's own process: torch is tied to an observer as soon as the script imports it.

Neither numpy nor torch is imported before the script does: it may still set their environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.run.importing import after_import
from sgd_doctor.run.script import PROGRAMS, hide_own_frames, script
from sgd_doctor.run.spec import STOP, ChildSpec, Note, RunSpec, line

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer
    from sgd_doctor.observe.patches import Patches
    from sgd_doctor.recording import Crash, Recording

_exit = os._exit
SNAPSHOT_SECONDS = 3.0
"""A run that is killed loses no more than this."""
PROGRESS_SECONDS = 0.25


class Run:
    """The run of this process: knows where its recording goes and how to end."""

    def __init__(self, kind: str, target: str | None, argv: tuple[str, ...], spec: RunSpec, notes_fd: int) -> None:
        self.kind, self.target, self.argv = kind, target, argv
        self.spec, self.notes_fd = spec, notes_fd
        self.observer: Observer | None = None
        self.extra_notes: list[str] = []
        self.early_sites = SiteTable()
        self.crash: Crash | None = None
        self.pid = os.getpid()
        self.shielded = False
        self.saved = self.replayed = False
        self.forked = False
        """This process is a fork of the user's: it ends without cleaning up what it shares with that one."""
        self.threads_matter = True
        """Whether other threads are a reason against replays by fork."""
        self._snapshot = 0.0
        self._progress = time.monotonic()

    def note(self, note: Note) -> None:
        if self.notes_fd >= 0:
            try:
                os.write(self.notes_fd, line(note))
            except OSError:
                self.notes_fd = -1

    def recording(self, ended: str, exit_code: int | None = None) -> Recording:
        more: dict[str, Any] = {"kind": self.kind, "path": self.target, "argv": self.argv, "exit_code": exit_code}
        from sgd_doctor.recording import Facts, Recording

        more["crash"] = self.crash
        if self.observer is None:
            facts = Facts(ended=ended, notes=tuple(self.extra_notes), sites=self.early_sites.sites(), **more)
            return Recording(facts=facts)
        from sgd_doctor.observe.freeze import freeze

        frozen = freeze(self.observer, ended, **more)
        notes = (*frozen.facts.notes, *self.extra_notes)
        return Recording(
            msgspec.structs.replace(frozen.facts, notes=notes), frozen.columns, frozen.tables, frozen.events
        )

    def save(self, recording: Recording) -> None:
        if not self.saved and os.getpid() == self.pid:
            self.saved = True
            recording.save(Path(self.spec.output))
            self.note(Note("saved"))

    def server_started(self, pid: int) -> None:
        """The fork server is ``pid``; called in the watched process."""

    def enter_server(self) -> None:
        """Called in the fork server before it serves."""

    def tick(self, observer: Observer) -> None:
        """After every step: show progress, and keep a snapshot for the case that this process is killed."""
        now = time.monotonic()
        if now - self._progress > PROGRESS_SECONDS:
            self._progress = now
            last = observer.last_loss if observer.last_loss - observer.last_loss == 0 else None
            self.note(Note("step", step=observer.steps.count, loss=last))
        if now - self._snapshot > SNAPSHOT_SECONDS and not self.replayed:
            self.recording("killed").save(Path(self.spec.output))
            self._snapshot = time.monotonic()

    def limit(self, observer: Observer, why: str) -> None:
        """The run has lasted long enough.  The script is not asked: it may catch everything."""
        self.save(self.recording(why))
        leave(0)

    def listen(self) -> None:
        """End when the parent asks for it, and save what there is when the script ends without cleaning up."""

        def stop(*_: object) -> None:
            if os.getpid() == self.pid:
                self.last_words("time-limit")
                leave(0)

        def leave_at_once(status: int) -> NoReturn:
            if os.getpid() == self.pid:
                self.last_words("finished", status)
            _exit(status)

        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(STOP, stop)
        os._exit = leave_at_once

    def last_words(self, ended: str, status: int | None = None) -> None:
        """Save from wherever the process is; a recording that cannot be made there leaves the last snapshot."""
        with contextlib.suppress(Exception):
            self.save(self.recording(ended, status))


def leave(status: int) -> NoReturn:
    """End this process now, with what was printed so far on its way."""
    flush()
    _exit(status)


def flush() -> None:
    """Send on what was printed so far; a stream that the script closed or replaced may refuse."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError, RuntimeError):
            continue


def watch(run: Run, control_fd: int) -> Patches:
    """Tie the observer into torch.

    Args:
        run: the run of this process.
        control_fd: socket on which a fork server is to answer; -1: none is wanted.

    Returns:
        What was hooked and replaced; ``undo()`` ends the watching.
    """
    from sgd_doctor.interventions import appliers
    from sgd_doctor.observe.hooks import install
    from sgd_doctor.observe.limits import Limits
    from sgd_doctor.observe.observer import Observer
    from sgd_doctor.run.replay import start_server

    spec = run.spec
    limits = Limits(spec.max_steps, spec.min_steps, spec.soft_seconds, spec.overhead)

    def anchor(observer: Observer) -> None:
        if control_fd >= 0:
            start_server(run, observer, control_fd)
        if observer.on_anchor is not None and (spec.interventions or spec.measure_task):
            observer.treat(appliers(spec.interventions), spec.measure_task)

    run.observer = Observer(limits, on_anchor=anchor, on_tick=run.tick, on_limit=run.limit)
    return install(run.observer)


def stop_watching(observer: Observer, patches: Patches) -> None:
    """End the watching in a process that goes on."""
    observer.finished = True
    patches.undo()
    tracer = observer.tracer
    tracer.recording, tracer.rewrites, tracer.on_pair, tracer.on_weights = False, [], None, None
    tracer.switch(False)


def seed_everything(seed: int) -> None:
    """Seed random, torch and, where it is imported, numpy."""
    import random

    import torch

    random.seed(seed)
    torch.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)


def run_target(spec: ChildSpec, notes: Sequence[str]) -> NoReturn:
    """Watch the target of ``spec`` from its first line to its end."""
    run = Run(spec.kind, spec.target, spec.argv, spec.run, spec.notes_fd)
    run.extra_notes.extend(notes)
    run.shielded = spec.shield

    def torch_imported() -> None:
        try:
            watch(run, spec.control_fd)
        except Exception as error:  # the script runs on unwatched, and the report says so
            run.extra_notes.append(f"watching could not start: {type(error).__name__}: {error}")
        if spec.seed is not None:
            seed_everything(spec.seed)

    after_import("torch", torch_imported)
    execute(run, spec)


def execute(run: Run, spec: ChildSpec) -> NoReturn:
    """Run the target to its end, whatever that is."""

    def program() -> None:
        text = spec.patches.get(os.path.abspath(spec.target))
        found = PROGRAMS[spec.kind](spec.target) if text is None else script(spec.target, text)
        found.enter(spec.argv)
        found.run()

    carry_out(run, program)


def carry_out(run: Run, body: Callable[[], object]) -> NoReturn:
    """Run ``body`` to its end, whatever that is, keep the recording, and end this process."""
    status = 0
    run.listen()
    try:
        body()
    except SystemExit as error:
        as_python_does(run)
        status = _exit_status(error)
        if status and (run.observer is None or not run.observer.steps.count):
            keep_crash(run, error)
    except BaseException as error:
        as_python_does(run)
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
        hide_own_frames(error)
        show(error)
        keep_crash(run, error)
    finish(run, status)


def finish(run: Run, status: int) -> NoReturn:
    """The target came to its end: keep the recording and go the way it would have gone."""
    run.save(run.recording("crashed" if run.crash is not None else "finished", status))
    if run.observer is not None:
        run.observer.finished = True
    if run.replayed or run.forked:
        leave(status)
    sys.exit(status)


def as_python_does(run: Run) -> None:
    """Python sends on what a script printed before it says why the script ended, but not so with ``-m``."""
    if run.kind != "module":
        flush()


def show(error: BaseException) -> None:
    """Print what ended the script as python does; a hook of the script's own that fails changes nothing."""
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException as second:
        second.__context__ = None
        hide_own_frames(second)
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)


def _exit_status(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    print(error.code, file=sys.stderr)
    return 1


def keep_crash(run: Run, error: BaseException) -> None:
    """Keep what ended the script, with the innermost line of the user's own code."""
    from sgd_doctor.recording import Crash

    sites = run.observer.sites if run.observer is not None else run.early_sites
    site, names = _user_place(sites, error.__traceback__)
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    run.crash = Crash(
        kind=type(error).__name__,
        message=_text_of(error)[:2000],
        site=site,
        traceback=text[-8000:],
        step=run.observer.steps.count if run.observer is not None else 0,
        locals=names,
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # an exception class of the script's own may be broken itself
        return f"(its text cannot be had: {type(second).__name__})"


def _user_place(sites: SiteTable, trace: TracebackType | None) -> tuple[int, dict[str, str]]:
    site = -1
    names: dict[str, str] = {}
    while trace is not None:
        frame = trace.tb_frame
        if sites.is_user(frame.f_code) or site < 0:
            site = sites.place(frame.f_code.co_filename, trace.tb_lineno, frame.f_code.co_name)
            names = {}
            with contextlib.suppress(Exception):  # what the user's values do when they are looked at is not known
                names = _describe(dict(frame.f_locals))
        trace = trace.tb_next
    return site, names


def _describe(values: dict[str, Any]) -> dict[str, str]:
    """Shapes, types and ranges of the tensors at the raising line; no other values leave the process."""
    found: dict[str, str] = {}
    for name, value in values.items():
        shape = getattr(value, "shape", None)
        if not isinstance(shape, tuple) or not hasattr(value, "dtype") or len(found) >= 12:
            continue
        text = f"{type(value).__name__}{tuple(shape)} {value.dtype}"
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if hasattr(value, "numel") and 0 < value.numel() <= 1 << 20:
                plain = value.detach()
                text += f" in [{float(plain.min()):.4g}, {float(plain.max()):.4g}]"
        found[name] = text
    return found
