"""The target's process is started first; what its diagnosis needs is imported while it gets ready.

Nothing here imports numpy or a check.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgd_doctor.options import DEFAULT_OBSERVE_SECONDS, Options
from sgd_doctor.run.launch import Harness, Target
from sgd_doctor.run.spec import Note, RunSpec

if TYPE_CHECKING:
    from sgd_doctor.report import Report

EVERY_STEP = 1e9
"""Overhead that is never reached: with a seed, which steps are measured must not hang on the clock."""


@dataclass
class Talk:
    """Where progress and the script's output go, and reports as they come: of what was watched, and the finished one.

    ``on_report`` is told each before the target's processes are gone, so that drawing can begin.
    """

    say: Callable[[str], None] = lambda _: None
    echo: Callable[[bytes], None] = lambda _: None
    on_note: Callable[[Note], None] = lambda _: None
    on_report: Callable[[Report], None] = lambda _: None


def run_spec(options: Options) -> RunSpec:
    """The observed run as the options want it."""
    return RunSpec(
        output="",
        max_steps=options.max_steps,
        min_steps=options.min_steps,
        overhead=options.overhead if options.seed is None else EVERY_STEP,
        soft_seconds=DEFAULT_OBSERVE_SECONDS if options.steps is None else options.time_limit,
    )


def started(target: Target, options: Options, talk: Talk, executor: Executor | None = None) -> Harness:
    """The target in a child process that runs already; an ``executor`` makes the replays elsewhere."""
    harness = Harness(
        target,
        run=run_spec(options),
        shield=not options.allow_writes,
        seed=options.seed,
        echo=talk.echo,
        on_note=talk.on_note,
        executor=executor,
    )
    talk.say(f"running {target.name}")
    try:
        harness.begin()
    except BaseException:
        harness.close()
        raise
    return harness
