"""The Python interface: :func:`diagnose` and :func:`watch`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from sgd_doctor.arguments import Names, names, options_of, refuse, require_no_arguments
from sgd_doctor.errors import UsageError
from sgd_doctor.options import DEFAULT_BUDGET, Options, chosen_checks
from sgd_doctor.report import Report
from sgd_doctor.session import Outcome, conclude
from sgd_doctor.start import Talk, run_spec

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from sgd_doctor.run.cells import BlockReplays
    from sgd_doctor.run.forked import Call
    from sgd_doctor.run.parts import Parts


@overload
def diagnose(
    target: nn.Module,
    loader: Iterable[Any],
    optimizer: Optimizer,
    loss_fn: Callable[..., Any] | None = None,
    *,
    val_loader: Iterable[Any] | None = None,
    steps: int | None = None,
    budget: float = DEFAULT_BUDGET,
    probes: bool = True,
    seed: int | None = None,
    select: Names = (),
    ignore: Names = (),
    suggest: Names = (),
    progress: bool = False,
) -> Report: ...


@overload
def diagnose(
    target: Callable[[], object],
    *,
    steps: int | None = None,
    budget: float = DEFAULT_BUDGET,
    probes: bool = True,
    seed: int | None = None,
    select: Names = (),
    ignore: Names = (),
    suggest: Names = (),
    progress: bool = False,
) -> Report: ...


@overload
def diagnose(
    target: str | os.PathLike[str],
    *,
    argv: Sequence[str] = (),
    executor: Executor | None = None,
    steps: int | None = None,
    budget: float = DEFAULT_BUDGET,
    probes: bool = True,
    seed: int | None = None,
    select: Names = (),
    ignore: Names = (),
    suggest: Names = (),
    progress: bool = False,
) -> Report: ...


def diagnose(
    target: Any,
    loader: Any = None,
    optimizer: Any = None,
    loss_fn: Any = None,
    *,
    val_loader: Any = None,
    argv: Sequence[str] = (),
    executor: Executor | None = None,
    steps: int | None = None,
    budget: float = DEFAULT_BUDGET,
    probes: bool = True,
    seed: int | None = None,
    select: Names = (),
    ignore: Names = (),
    suggest: Names = (),
    progress: bool = False,
) -> Report:
    """Find out why a training loop does not learn.

    Nothing of the caller's changes: model, optimizer, loader and random numbers are afterwards exactly
    as before, and what the loop writes to files is thrown away.  The loop runs in forks of this process;
    where that cannot be (CUDA is in use), parts run in this process and are put back, and a function
    runs here once, as a plain call of it would.

    Args:
        target: a model; or a function without arguments that builds and trains one; or the path of a
            script, a notebook or a saved recording.
        loader: with a model, gives its batches, each ``(x, ..., y)`` for ``loss_fn(model(x, ...), y)``;
            a mapping for ``model(**batch)``; or one tensor that is its own target.
        optimizer: with a model, its optimizer.
        loss_fn: with a model, the loss; None where the model's output carries it as ``loss``.
        val_loader: with a model, held-out batches; without them nothing can be said about overfitting.
        argv: with a script, its arguments.
        executor: with a script, makes the experiments, each in a fresh process where the executor's worker runs:
            a process pool, or the machines of a cluster that see the same files and have sgd-doctor installed.
        steps: watch exactly so many optimizer steps; None: as many as fit into a few seconds.
        budget: seconds for the experiments that prove a cause.
        probes: whether experiments are made at all.
        seed: seeds torch, numpy and ``random`` for the diagnosis; None: goes on with their state.
        select: names of checks or families to ask, and no others.
        ignore: names of checks or families to leave out.
        suggest: ``"lr"`` looks for the learning rate that trains best, too (``report.suggested_lr``).
        progress: say on standard error what is being done, and show what the loop prints.

    Returns:
        The report: ``report.healthy``, ``report.findings`` with the cause to fix first standing first;
        it prints as text and shows itself in a notebook.

    Raises:
        UsageError: an argument cannot be used as it is; a :class:`ValueError`.
    """
    options = options_of(
        steps=steps, budget=budget, probes=probes, seed=seed, select=select, ignore=ignore, suggest=names(suggest)
    )
    if _active:
        raise UsageError("diagnose() cannot be called inside a watch() block: end the block first")
    parts_given = [n for n, v in (("loader", loader), ("optimizer", optimizer), ("loss_fn", loss_fn)) if v is not None]
    if isinstance(target, (str, os.PathLike)):
        refuse(parts_given, "a path")
        with _talk(progress) as talk:
            return _diagnose_file(os.fspath(target), tuple(map(str, argv)), options, talk, executor)
    for name, given in (("argv", argv), ("executor", executor)):
        if given:
            raise UsageError(f"{name} is for scripts: it needs the path of one")
    if callable(target) and not hasattr(target, "named_parameters"):
        refuse([*parts_given, *(["val_loader"] if val_loader is not None else [])], "a function")
        with _talk(progress) as talk:
            return _diagnose_call(target, options, talk).report
    from sgd_doctor.run.parts import Parts

    parts = Parts(target, loader, optimizer, loss_fn, val_loader)
    with _talk(progress) as talk:
        return _diagnose_parts(parts, options, talk).report


def watch(
    *,
    steps: int | None = None,
    budget: float = DEFAULT_BUDGET,
    probes: bool = True,
    select: Names = (),
    ignore: Names = (),
    progress: bool = False,
) -> Watch:
    """Watch the loop in a ``with`` block, and diagnose it at the block's end.

    The loop runs as it would without us, in this process, to its end; watching stops by itself after
    ``steps`` steps or a few seconds.  Experiments run in forks of this process, from the loop's first
    step; their output goes nowhere and what they write is thrown away.

    Args:
        steps: watch exactly so many optimizer steps; None: as many as fit into a few seconds.
        budget: seconds for the experiments that prove a cause.
        probes: whether experiments are made at all.
        select: names of checks or families to ask, and no others.
        ignore: names of checks or families to leave out.
        progress: say on standard error what is being done.

    Returns:
        The context manager; its ``report`` is there once the block has ended.

    Raises:
        UsageError: an argument cannot be used as it is; a :class:`ValueError`.
    """
    options = options_of(steps=steps, budget=budget, probes=probes, seed=None, select=select, ignore=ignore)
    return Watch(options, progress)


_active: list[Watch] = []


class Watch:
    """A watched block; made by :func:`watch`."""

    def __init__(self, options: Options, progress: bool) -> None:
        self._options, self._progress = options, progress
        self._client: BlockReplays | None = None
        self._report: Report | None = None
        self._failure: Exception | None = None
        self._used = False

    @property
    def report(self) -> Report:
        """What was found.

        Raises:
            UsageError: the block has not ended yet.
        """
        if self._report is None:
            raise UsageError("the report is there once the watch() block has ended") from self._failure
        return self._report

    def __enter__(self) -> Watch:
        if self._used or _active:
            raise UsageError("watch() blocks cannot be nested, and each is used once")
        from sgd_doctor.run.cells import BlockReplays

        self._used = True
        client = BlockReplays(run_spec(self._options), probes=self._options.probes)
        try:
            client.begin()
        except BaseException:
            client.close()
            raise
        self._client = client
        _active.append(self)
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        client = self._client
        assert client is not None  # __enter__ has set it
        try:
            recording = client.end(error)
            client.interrupted = isinstance(error, KeyboardInterrupt)
            checks, notes = chosen_checks(self._options)
            with _talk(self._progress) as talk:
                self._report = conclude(recording, client, checks, self._options, talk, notes).report
        except Exception as failure:
            if error is None:
                raise
            self._failure = failure  # the user's own exception is on its way, and matters more
        finally:
            _active.remove(self)
            client.close()


def _diagnose_file(path: str, argv: tuple[str, ...], options: Options, talk: Talk, executor: Executor | None) -> Report:
    from sgd_doctor.command import Request, kind_of
    from sgd_doctor.run.launch import Target
    from sgd_doctor.session import diagnose_recording, diagnose_target

    kind = kind_of(Request(path))
    if kind in ("recording", "report") and argv:
        raise UsageError(f"argv is for scripts, and {path} is none")
    if kind == "recording":
        return diagnose_recording(Path(path), options).report
    if kind == "report":
        return Report.from_json(Path(path).read_bytes(), name=path)
    return diagnose_target(Target(kind, path, argv), options, talk, executor=executor).report


def _diagnose_parts(parts: Parts, options: Options, talk: Talk) -> Outcome:
    from sgd_doctor.run.forked import Call, CannotFork
    from sgd_doctor.run.inprocess import PartsHere
    from sgd_doctor.run.parts import Loop
    from sgd_doctor.run.replay import unsafe

    elsewhere = sorted(parts.devices - {"cpu"})
    why = unsafe(threads=False) if not elsewhere else f"the model is on {elsewhere[0]}"
    if not why:
        try:
            return _in_fork(Call("parts", None, Loop(parts, lambda: False).run), options, talk)
        except CannotFork as refusal:
            why = str(refusal)
    here = PartsHere(parts, run=run_spec(options), why=why, seed=options.seed)
    checks, notes = chosen_checks(options)
    talk.say("training in this process")
    return conclude(here.observe(), here, checks, options, talk, notes)


def _diagnose_call(function: Callable[[], object], options: Options, talk: Talk) -> Outcome:
    from sgd_doctor.run.forked import Call, CannotFork
    from sgd_doctor.run.inprocess import CallHere
    from sgd_doctor.run.replay import unsafe

    name = getattr(getattr(function, "func", function), "__name__", type(function).__name__)
    require_no_arguments(function, name)
    call = Call("callable", f"{name}()", function)
    why = unsafe(threads=False)
    if not why:
        try:
            return _in_fork(call, options, talk)
        except CannotFork as refusal:
            why = str(refusal)
    here = CallHere(call, run=run_spec(options), why=f"{why}, so {name}() ran once, in this process", seed=options.seed)
    checks, notes = chosen_checks(options)
    talk.say(f"running {name}() in this process")
    return conclude(here.observe(), here, checks, options, talk, notes)


def _in_fork(call: Call, options: Options, talk: Talk) -> Outcome:
    from sgd_doctor.run.forked import ForkedCall

    checks, notes = chosen_checks(options)
    harness = ForkedCall(call, run=run_spec(options), seed=options.seed, echo=talk.echo, on_note=talk.on_note)
    try:
        talk.say(f"running {call.name or 'the loop'}")
        recording = harness.observe(time.monotonic() + options.time_limit)
        return conclude(recording, harness, checks, options, talk, notes)
    finally:
        harness.close()


@contextlib.contextmanager
def _talk(progress: bool) -> Iterator[Talk]:
    if not progress:
        yield Talk()
        return
    from sgd_doctor.progress import Progress

    with Progress() as shown:
        yield Talk(shown.say, shown.script_output, shown.note)
