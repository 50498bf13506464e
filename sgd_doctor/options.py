"""What a diagnosis may do, and which checks it asks."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sgd_doctor.check import FAMILIES, Check
from sgd_doctor.errors import UsageError

DEFAULT_STEPS = 1000
DEFAULT_MIN_STEPS = 50
DEFAULT_OBSERVE_SECONDS = 8.0
"""Time in which the loop is watched once it steps; slower loops get the least number of steps."""
DEFAULT_BUDGET = 60.0
"""Seconds for replays."""
DEFAULT_TIME_LIMIT = 600.0
"""Seconds after which the watched run is ended from outside, whatever it does: it may wait, sleep or hang."""

SUGGESTIONS = ("lr",)


@dataclass(frozen=True)
class Options:
    """Settings of one diagnosis.

    Attributes:
        steps: watch exactly so many optimizer steps (if the script makes them); None: as many as fit.
        budget: seconds for replays.
        time_limit: seconds that the watched run may take, its start included.
        probes: whether replays are made.
        seed: seeds torch, numpy and random before the script starts, and measures every step, so that equal seeds
            give equal reports; None leaves the numbers alone.
        select, ignore: names of checks or families.
        allow_writes: let the script write its files for real.
        overhead: share of the run time that recording may take, beyond the exact signals; not with a seed.
        suggest: what to look for beside causes; one of :data:`SUGGESTIONS`.
    """

    steps: int | None = None
    budget: float = DEFAULT_BUDGET
    time_limit: float = DEFAULT_TIME_LIMIT
    probes: bool = True
    seed: int | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_writes: bool = False
    overhead: float = 0.05
    check_folders: tuple[Path, ...] = ()
    suggest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--steps must be at least 1, not {self.steps}")
        for name, seconds in (("--budget", self.budget), ("--time-limit", self.time_limit)):
            if not 0 < seconds < math.inf:
                raise UsageError(f"{name} must be more than 0 seconds, and finite, not {seconds:g}")
        if not 0 <= self.overhead < math.inf:
            raise UsageError(f"--overhead must not be negative, and finite, not {self.overhead:g}")
        if self.seed is not None and not 0 <= self.seed < 1 << 32:
            raise UsageError(f"--seed must be at least 0 and below 2**32, not {self.seed}")
        for name in self.suggest:
            if name not in SUGGESTIONS:
                raise UsageError(f"--suggest knows {', '.join(SUGGESTIONS)}, not {name!r}")

    @property
    def max_steps(self) -> int:
        return self.steps or DEFAULT_STEPS

    @property
    def min_steps(self) -> int:
        return self.steps or DEFAULT_MIN_STEPS


def chosen_checks(options: Options) -> tuple[list[Check], list[str]]:
    """Instances of the checks that ``select`` and ``ignore`` leave, and notes of plugins that failed.

    Raises:
        UsageError: a name is neither a check nor a family.
    """
    from sgd_doctor.loader import load_checks

    known, notes = load_checks(options.check_folders)
    for name in (*options.select, *options.ignore):
        require_known(name, (*known, *FAMILIES))
    chosen = [
        check
        for check in known.values()
        if (not options.select or check.name in options.select or check.family in options.select)
        and check.name not in options.ignore
        and check.family not in options.ignore
    ]
    return [check() for check in chosen], notes


def require_known(name: str, known: Sequence[str]) -> None:
    """Raise a UsageError that suggests the nearest name, unless ``name`` is known."""
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else "; 'sgd-doctor checks' lists them"
        raise UsageError(f"no check or family is called {name!r}{hint}")
