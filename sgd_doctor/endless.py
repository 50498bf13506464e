"""Losses that fall below 0 faster and faster: what has a least value is reached more and more slowly."""

from __future__ import annotations

import numpy as np

from sgd_doctor.recording import Array

BLOCKS = 12
LEAST_STEPS = 8 * BLOCKS
FASTER = 1.5
"""How many times the fall of the first third that of the last third has to be."""
FAR = 10.0
"""How many times its first size (and 1 at least) such a loss is below 0 in the end."""
SLOWER = 0.5
"""Share of the change over the first third that the change over the last third may be of a loss that settles."""


def thirds(loss: Array) -> tuple[float, float]:
    """The change of the loss over the first and over the last third, without the very first steps."""
    return _thirds(_blocks(loss))


def _thirds(means: Array) -> tuple[float, float]:
    third = BLOCKS // 3
    return float(means[third] - means[0]), float(means[-1] - means[-1 - third])


def _blocks(loss: Array) -> Array:
    """Means over equal stretches."""
    return np.array([part.mean() for part in np.array_split(loss, BLOCKS)])


def endless(loss: Array) -> bool:
    """Whether the loss falls all the time, ends far below 0, and falls faster in the end than in the beginning."""
    if len(loss) < LEAST_STEPS or not np.isfinite(loss).all() or not loss[-1] < -FAR * max(1.0, abs(float(loss[0]))):
        return False
    means = _blocks(loss)
    first, last = _thirds(means)
    return bool((np.diff(means) < 0).all()) and last < FASTER * first < 0


def settles(loss: Array) -> bool:
    """Whether the loss, whichever way it goes, changes less and less."""
    if len(loss) < LEAST_STEPS or not np.isfinite(loss).all():
        return False
    first, last = thirds(loss)
    return abs(last) < SLOWER * abs(first)
