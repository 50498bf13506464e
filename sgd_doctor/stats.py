"""Small numeric helpers on columns; NaN never counts as good."""

from __future__ import annotations

import math

import numpy as np

from sgd_doctor.recording import Array

STEADY = 0.05
"""Relative spread below which the loss counts as a constant multiple of the task loss."""
ENDS = 3
"""Measured steps at each end that are compared, and ..."""
FELL = 0.5
"""... share of its start to which the loss has to fall before the error is expected to have fallen as well."""
Z95 = 1.96
"""Two-sided 95 % quantile of the normal distribution."""


def tail(values: Array, share: float = 0.25, least: int = 5) -> Array:
    """The last ``share`` of ``values``, at least ``least`` of them."""
    return values[-max(least, int(len(values) * share)) :] if len(values) else values


def finite_mean(values: Array) -> float:
    """Mean of the finite values; NaN where there is none."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else math.nan


def finite_median(values: Array) -> float:
    """Median of the finite values; NaN where there is none."""
    kept = values[np.isfinite(values)]
    return float(np.median(kept)) if len(kept) else math.nan


def finite_max(values: Array) -> float:
    """Largest finite value; NaN where there is none."""
    kept = values[np.isfinite(values)]
    return float(kept.max()) if len(kept) else math.nan


STAGE = 20
"""Steps that one optimizer makes in a row where several follow each other; fewer mean that they take turns."""


def last_stage(optimizer: Array) -> int:
    """First step of the last stage of a script that trains one model after the other.

    Args:
        optimizer: number of the optimizer that made each step.
    """
    return ([0, *_stages(optimizer)])[-1]


def stage_end(optimizer: Array, step: int) -> int:
    """The step behind the stage in which ``step`` lies; arguments as of :func:`last_stage`."""
    return next((change for change in _stages(optimizer) if change > step), len(optimizer))


def _stages(optimizer: Array) -> list[int]:
    """First step of each stage but the first one; none where optimizers take turns."""
    changes = np.flatnonzero(np.diff(optimizer) != 0) + 1
    if not len(changes) or changes[-1] < STAGE or len(optimizer) < STAGE * (len(changes) + 1):
        return []
    return [int(change) for change in changes]


WORST = 10.0


def bounded(loss: float, trivial: float) -> float:
    """Loss in units of the best constant predictor: linear below it, logarithmic above.

    So runs of different tasks compare, and one that explodes does not drown the others
    (``docs/proof.md``).  A loss that is not finite, or larger, counts as ten times the trivial one.
    """
    if not loss < WORST * trivial:
        loss = WORST * trivial
    return loss / trivial if loss < trivial else 1 + math.log(loss / trivial)


def paired_interval(first: Array, second: Array) -> float:
    """Half-width of the 95 % interval of ``mean(first - second)``; NaN for fewer than three pairs."""
    count = min(len(first), len(second))
    difference = first[-count:] - second[-count:] if count else np.zeros(0)
    difference = difference[np.isfinite(difference)]
    if len(difference) < 3:
        return math.nan
    return float(Z95 * difference.std(ddof=1) / math.sqrt(len(difference)))


def measures_error(loss: Array, error: Array) -> bool:
    """Whether the squared difference that was seen falls with the loss (as fast, or as its square root).

    In a mixture density network each output is one of several guesses, and need not come near the target.
    """
    known = np.isfinite(loss) & np.isfinite(error) & (loss > 0) & (error > 0)
    if known.sum() < 2 * ENDS or not known[np.isfinite(error)].all():
        return True
    fall, other = (float(np.median(c[known][-ENDS:]) / np.median(c[known][:ENDS])) for c in (loss, error))
    return not (fall < FELL and other > math.sqrt(fall))


def training_loss(loss: Array, task_loss: Array) -> float:
    """The training loss at the end, in units of the task loss (which is measured at a few steps only).

    Where the two are in a steady ratio, from the dense column; else the last measured value.
    """
    both = np.isfinite(loss) & np.isfinite(task_loss) & (task_loss > 1e-9)
    ratio = loss[both] / task_loss[both]
    if len(ratio) > 1 and ratio.mean() > 0 and ratio.std() < STEADY * ratio.mean():
        return finite_mean(tail(loss)) / float(ratio.mean())
    known = task_loss[np.isfinite(task_loss)]
    return float(known[-1]) if len(known) else math.nan


def nice(value: float) -> str:
    """Three significant digits in the shortest form: 0.003, 1e-05, 12.3."""
    return f"{value:.3g}"


def round_lr(value: float) -> float:
    """Down to a learning rate that a person would write: 1, 1.5, 2, 3, 5 or 7 times a power of ten.

    Down, because short runs over-estimate the best rate and the next larger one may not be stable.
    """
    if not math.isfinite(value) or value <= 0:
        return value
    exponent = math.floor(math.log10(value))
    mantissa = value / 10**exponent
    below = max(m for m in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if m <= mantissa * 1.02)
    return float(f"{below * 10.0**exponent:.2g}")
