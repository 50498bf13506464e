"""The sequential test of experiments: a replay that cannot come near the run as written any more ends there.

Most arms of a comparison lose (nine rates out of ten are worse than the one that somebody chose), and many of them are
so far behind after half of their steps that the other half tells nothing.  Such an end never decides *for* a change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import msgspec

FIRST_LOOK = 0.5
"""Share of its steps that a replay makes in any case.  Of 189 replays that such a test would have ended (236 sample
scripts), none would have come below the run as written by its end; with looks from 0.3 on, two would have."""
EVERY = 10
"""Steps from one look to the next."""
BEHIND = 0.1
"""By how much (bounded loss, docs/proof.md) it has to be behind, now and at its end, so far as that can be told."""
DEVIATIONS = 1.0
"""Standard errors by which it may be better than it looks."""
RISES = 0.02
"""Where the run as written itself gets worse by more than this later on, being behind it now means nothing."""
GROUP = 5
"""Steps whose mean counts as one value: losses of neighbouring batches are not independent."""


class Rival(msgspec.Struct, frozen=True):
    """The watched run, which a replay of the same batches is compared with while it runs.

    Attributes:
        losses: of all steps that the replay is going to make.
        unit, floor: of :class:`sgd_doctor.scoring.Scale`.
    """

    losses: tuple[float, ...]
    unit: float
    floor: float = 0.0

    def due(self, steps: int) -> bool:
        """Whether a replay is looked at after so many steps."""
        whole = len(self.losses)
        return steps % EVERY == 0 and FIRST_LOOK * whole <= steps < whole

    def has_beaten(self, losses: Sequence[float]) -> bool:
        """Whether a replay with these losses so far is going to end clearly behind.

        The difference over the last quarter of the steps so far, continued with its own trend to the last quarter of
        all of them, less :data:`DEVIATIONS` standard errors of both.
        """
        steps, whole = len(losses), len(self.losses)
        width = steps // 4
        if width < 2 * GROUP:
            return False
        ours, theirs = self._bounded(self.losses[steps - 2 * width : steps]), self._bounded(losses[steps - 2 * width :])
        apart = [b - a for a, b in zip(ours, theirs, strict=True)]
        (earlier, wide), (now, error) = _mean(apart[:width]), _mean(apart[width:])
        trend = (now - earlier) / width
        falls = min(0.0, trend - DEVIATIONS * math.hypot(wide, error) / width)
        ahead = (whole - whole / 8) - (steps - width / 2)
        least = now - DEVIATIONS * error
        rises = fmean(self._bounded(self.losses[-(whole // 4) :])) - fmean(ours[width:])
        return least > BEHIND and least + falls * ahead > BEHIND and rises <= RISES

    def _bounded(self, losses: Sequence[float]) -> list[float]:
        from sgd_doctor.scoring import Scale  # with numpy, which is not to be imported before the script does

        return list(map(Scale("loss", self.unit, self.floor).bounded, losses))


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Mean of ``values`` and its standard error, by means of groups."""
    groups = [fmean(values[i : i + GROUP]) for i in range(0, len(values) - GROUP + 1, GROUP)]
    return fmean(values), stdev(groups) / math.sqrt(len(groups))
