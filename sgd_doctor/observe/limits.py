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

    def reached(self, steps: int) -> bool:
        """Whether that many steps are enough."""
        return steps >= self.max_steps or steps >= MAX_STEPS

    def lost(self, broken: int) -> bool:
        """Whether the run cannot come back: its last ``broken`` steps were not finite, and so are its weights."""
        return 0 < self.broken_steps <= broken

    def over(self, steps: int, seconds: float) -> bool:
        """Whether the time is up; where a step takes seconds, fewer steps have to do."""
        return (
            (steps >= self.min_steps and seconds > self.soft_seconds)
            or (steps >= self.min_steps / 5 and seconds > 4 * self.soft_seconds)
            or (steps >= 2 and seconds > PATIENCE * self.soft_seconds)
        )
