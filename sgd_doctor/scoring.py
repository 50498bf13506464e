"""One number for how well a run trained, comparable between runs of the same loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgd_doctor import stats
from sgd_doctor.recording import Array, Recording

COMPARABLE = 1.0
"""Spread of the logarithm of loss over task loss (class weights, L1 against squares) up to which the one scales the
other: only a unit is needed."""


@dataclass(frozen=True)
class Scale:
    """The unit in which losses are compared.

    Attributes:
        metric: the column: ``loss`` or ``task_loss``.
        unit: loss of the best constant predictor, or of the first steps where that is not known.
        floor: subtracted first; not 0 only for losses that can be negative.
        trivial: whether ``unit`` is the constant predictor's loss.
    """

    metric: str
    unit: float
    floor: float = 0.0
    trivial: bool = False

    def score(self, recording: Recording | None, steps: int) -> float:
        """Bounded loss over the last quarter of the first ``steps`` steps; infinite without a recording.

        A run that ended early by an error of its own counts as not finite.
        """
        if recording is None:
            return math.inf
        values = recording.column(self.metric)[:steps]
        if not len(values):
            return math.inf
        if recording.facts.ended in ("crashed", "killed") and len(values) < steps:
            return self.bounded(math.inf)
        return self.bounded(_mean_or_infinite(stats.tail(values)))

    def bounded(self, loss: float) -> float:
        shifted = loss - self.floor
        return stats.bounded(max(shifted, 0.0) if math.isfinite(shifted) else math.inf, self.unit)

    def raw(self, recording: Recording | None, steps: int) -> float | None:
        """Mean of the metric over the last quarter, in its own unit; None where it is not finite."""
        if recording is None:
            return None
        value = _mean_or_infinite(stats.tail(recording.column(self.metric)[:steps]))
        return value if math.isfinite(value) else None

    def tail(self, recording: Recording, steps: int) -> Array:
        return stats.tail(recording.column(self.metric)[:steps])


def _mean_or_infinite(values: Array) -> float:
    """The mean; a single value that is not finite makes the whole infinite."""
    mean = float(values.mean()) if len(values) else math.inf
    return mean if math.isfinite(mean) else math.inf


def initial(values: Array) -> float:
    """Median of the first few finite values."""
    return stats.finite_median(values[np.isfinite(values)][:5]) if len(values) else math.nan


def scale_of(recording: Recording, metric: str, others: Sequence[Recording] = ()) -> Scale | None:
    """The scale for ``metric``, from the untreated run; None where nothing can be compared."""
    values = recording.column(metric)
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    trivial = _trivial(recording, metric)
    if trivial is not None:
        return Scale(metric, trivial, trivial=True)
    start = initial(values)
    lowest = min([float(known.min()), *(float(np.nanmin(o.column(metric))) for o in others if len(o.column(metric)))])
    if lowest < 0:
        return Scale(metric, max(abs(start - lowest), 1e-12), floor=lowest)
    return Scale(metric, max(start, 1e-12))


def _trivial(recording: Recording, metric: str) -> float | None:
    """Loss of the best constant predictor, in the unit of ``metric``."""
    task = recording.facts.task
    if task is None or not task.trivial_loss or not task.trivial_loss > 1e-9:
        return None
    if metric in ("task_loss", "pool_loss"):
        return task.trivial_loss
    if metric in ("balanced_error", "held_out_error"):
        return 1 - 1 / task.classes if task.classes > 1 else None
    loss, measured = recording.column("loss"), recording.column("task_loss")
    both = np.isfinite(loss) & np.isfinite(measured) & (measured > 1e-9)
    ratio = loss[both] / measured[both]
    if (
        len(ratio) < 2
        or not (ratio > 0).all()
        or not np.log(ratio).std() < COMPARABLE
        or not stats.measures_error(loss, measured)
    ):
        return None
    return float(task.trivial_loss * np.median(ratio))
