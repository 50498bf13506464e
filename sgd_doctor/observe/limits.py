"""When a watched run ends by itself."""

from __future__ import annotations

from dataclasses import dataclass

from sgd_doctor.futility import Rival

PATIENCE = 8.0
"""A run is watched no longer than this multiple of the wanted time, however few steps it made."""

MAX_STEPS = 1_000_000
"""Steps that are recorded, whatever is asked for: far beyond what a diagnosis reads."""


@dataclass(frozen=True)
class Limits:
    """When the observed run ends by itself."""

    max_steps: int
    min_steps: int = 50
    soft_seconds: float = 8.0
    """After ``min_steps`` no longer than this is watched."""
    overhead: float = 0.05
    broken_steps: int = 0
    """So many steps in a row with loss and gradients that are not finite end the run; 0: they do not."""
    rival: Rival | None = None
    """A run that this one ends clearly behind."""

    def passed(self, steps: int, seconds: float, broken: int) -> str:
        """Which limit has been reached: step-limit, time-limit or not-finite; empty where none has.

        Args:
            steps: how many were made.
            seconds: since the first of them began; where a step takes seconds, fewer steps have to do.
            broken: the latest steps in a row whose loss and gradients were not finite, and so are the weights.
        """
        if steps >= self.max_steps or steps >= MAX_STEPS:
            return "step-limit"
        if seconds > self.soft_seconds and (
            steps >= self.min_steps
            or (steps >= self.min_steps / 5 and seconds > 4 * self.soft_seconds)
            or (steps >= 2 and seconds > PATIENCE * self.soft_seconds)
        ):
            return "time-limit"
        return "not-finite" if 0 < self.broken_steps <= broken else ""
