"""The target's own process: torch is tied to an observer as soon as the script imports it.

Neither numpy nor torch is imported before the script does: it may still set their environment.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.run.beginning import Beginning
from sgd_doctor.run.channel import Channel
from sgd_doctor.run.crashes import keep_crash, show
from sgd_doctor.run.importing import after_import
from sgd_doctor.run.memory import fit_on_devices, peak
from sgd_doctor.run.script import PROGRAMS, hide_own_frames, script, users_modules
from sgd_doctor.run.spec import STOP, ChildSpec, Note, RunSpec, line
from sgd_doctor.run.world import world_size

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer
    from sgd_doctor.observe.patches import Patches
    from sgd_doctor.recording import Crash, Recording
    from sgd_doctor.run.batches import BatchStore

_exit = os._exit
SNAPSHOT_SECONDS = 3.0
"""A run that is killed loses no more than this,"""
SNAPSHOT_SHARE = 0.02
"""unless a snapshot takes long (thousands of parameters): no more than this share of the time is spent on them."""
PROGRESS_SECONDS = 0.25
REPLACED = "the script replaced itself by another program (os.exec...); what that one does was not watched"


class Run:
    """The run of this process: knows where its recording goes and how to end."""

    def __init__(self, kind: str, target: str | None, argv: tuple[str, ...], spec: RunSpec, notes_fd: int) -> None:
        self.kind, self.target, self.argv = kind, target, argv
        self.spec, self.notes = spec, Channel(notes_fd)
        self.observer: Observer | None = None
        self.hooks: Patches | None = None
        """What ties the observer into torch."""
        self.batches: BatchStore | None = None
        self.beginning: Beginning | None = None
        """What a run from the first line needs to know; None: the target is no file."""
        self.extra_notes: list[str] = []
        self.early_sites = SiteTable()
        self.crash: Crash | None = None
        self.pid = os.getpid()
        self.shielded = False
        self.saved = self.replayed = False
        self.watched_by = -1
        """Descriptor by whose closing the fork server sees that this replay's recording is there."""
        self.forked = False
        """This process is a fork of the user's: it ends without cleaning up what it shares with that one."""
        self.threads_matter = True
        """Whether other threads are a reason against replays by fork."""
        self._snapshot = 0.0
        """When the next snapshot is due."""
        self._progress = time.monotonic()

    def note(self, note: Note) -> None:
        self.notes.send(line(note))

    def recording(self, ended: str, exit_code: int | None = None) -> Recording:
        """What was seen so far; no object of the user's, however strange, costs more than a part of it."""
        from sgd_doctor.recording import Facts, Recording

        more: dict[str, Any] = {"kind": self.kind, "path": self.target, "argv": self.argv, "exit_code": exit_code}
        more["crash"] = self.crash
        if self.observer is None:
            facts = Facts(ended=ended, notes=tuple(self.extra_notes), sites=self.early_sites.sites(), **more)
            return Recording(facts=facts)
        from sgd_doctor.observe.freeze import freeze, freeze_columns

        try:
            frozen = freeze(self.observer, ended, **more)
        except Exception as error:
            self.observer.fail(f"only the numbers of the steps were kept: {type(error).__name__}: {error}")
            frozen = freeze_columns(self.observer, ended, **more)
        notes = (*frozen.facts.notes, *self.extra_notes)
        kept = self.batches.saved_seconds if self.batches is not None else 0.0
        facts = msgspec.structs.replace(frozen.facts, notes=notes, kept_seconds=kept)
        return Recording(facts, frozen.columns, frozen.tables, frozen.events)

    def save(self, recording: Recording) -> None:
        """Hand the recording to the parent: in a file, or through the pipe where none can be written."""
        if self.saved or os.getpid() != self.pid:
            return
        self.saved = True
        try:
            recording.save(Path(self.spec.output))
        except OSError:  # the disk is full, or the script has limited the size of files
            data = base64.b64encode(recording.to_bytes()).decode()
        else:
            data = ""
        self.note(Note("saved", data=data, memory=peak(), beside=fit_on_devices()))
        if self.watched_by >= 0:
            os.close(self.watched_by)
            self.watched_by = -1

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
        if now > self._snapshot and not self.replayed:
            with contextlib.suppress(OSError):
                self.recording("killed").save(Path(self.spec.output))
            done = time.monotonic()
            self._snapshot = done + max(SNAPSHOT_SECONDS, (done - now) / SNAPSHOT_SHARE)

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
        for name in ("execv", "execve"):  # all others end in these two
            setattr(os, name, self.replaced(getattr(os, name)))

    def replaced(self, original: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
        """``os.execv``, and what was seen until then is kept."""

        @functools.wraps(original)
        def replacement(*args: Any) -> NoReturn:
            if os.getpid() == self.pid and not self.saved:
                self.extra_notes.append(REPLACED)
                self.last_words("finished")
                self.saved = False  # for the case that there is no such program
            original(*args)

        return replacement

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


def watch(run: Run, control_fd: int) -> None:
    """Tie the observer into torch.

    Args:
        run: the run of this process.
        control_fd: socket on which a fork server is to answer; -1: none is wanted.
    """
    from sgd_doctor.interventions import appliers
    from sgd_doctor.observe.hooks import install
    from sgd_doctor.observe.observer import Observer
    from sgd_doctor.run.batches import BatchStore
    from sgd_doctor.run.replay import ForkPoint, limits_of

    spec = run.spec

    def anchor(observer: Observer) -> None:
        if fork_point is not None:
            fork_point.anchor()
        wanted = run.spec  # of a fork, what it was forked for
        if wanted.interventions or wanted.measure_task:
            observer.treat(appliers(wanted.interventions), wanted.measure_task)

    run.observer = Observer(limits_of(spec), on_anchor=anchor, on_tick=run.tick, on_limit=run.limit)
    run.hooks = install(run.observer)
    fork_point = ForkPoint(run, run.observer, Channel(control_fd)) if control_fd >= 0 else None
    if fork_point is not None and run.beginning is not None:
        fork_point.watch_cuda(run.hooks)
    edited = run.beginning is not None and run.beginning.spec.patches
    if spec.output and not edited and world_size() == 1:
        run.batches = BatchStore(run.observer, Path(spec.output).parent)
        run.batches.install(run.hooks)


def stop_watching(run: Run) -> None:
    """End the watching in a process that goes on."""
    if run.observer is None or run.hooks is None:
        return
    run.observer.finished = True
    run.hooks.undo()
    tracer = run.observer.tracer
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


def run_target(spec: ChildSpec, notes: Sequence[str], *, watched_by: int = -1) -> NoReturn:
    """Watch the target of ``spec`` from its first line to its end.

    Args:
        spec: what is run, and for how long.
        notes: what the report has to say of this process.
        watched_by: in a fork of a process that has run the target before, the descriptor by whose closing the
            fork server sees that the recording is there.
    """
    run = Run(spec.kind, spec.target, spec.argv, spec.run, spec.notes_fd)
    run.extra_notes.extend(notes)
    run.shielded, run.replayed, run.watched_by = spec.shield, watched_by >= 0, watched_by
    run.beginning = Beginning(spec)

    def torch_imported() -> None:
        run.note(Note("imported"))
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
        run.extra_notes.extend(found.notes)
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
    if run.shielded:
        run_exit_handlers()
        leave(status)
    sys.exit(status)


def run_exit_handlers() -> None:
    """What Python does at its end as far as it shows: to take torch and other libraries apart takes another second."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as multiprocessing has it do
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    with contextlib.suppress(BaseException):
        clear_users_modules()


def clear_users_modules() -> None:
    """Let go of what the user's modules hold: their finalizers may have something to say.

    Without a collection of cycles, which would go through all that the libraries hold.
    """
    for module in (sys.modules["__main__"], *users_modules().values()):
        names = vars(module)
        # In the order of Python's own: private names first.
        for name in sorted(names, key=lambda name: not name.startswith("_") or name.startswith("__")):
            if name != "__builtins__":
                names[name] = None


def as_python_does(run: Run) -> None:
    """Python sends on what a script printed before it says why the script ended, but not so with ``-m``."""
    if run.kind != "module":
        flush()


def _exit_status(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    print(error.code, file=sys.stderr)
    return 1
