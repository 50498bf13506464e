"""Runs that get nowhere: the loss against a constant answer's, or against its own start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sgd_doctor import stats, trace
from sgd_doctor.findings import Evidence, Intervention, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.scoring import initial, scale_of

LEAST_STEPS = 60
"""Fewer steps say nothing: an epoch of a small data set."""
NOTHING = 0.93
"""Loss at the end over that of the best constant answer, above which nothing about the inputs was learned."""
UNMOVED = 0.97
"""The same over the loss of the first steps, where the targets are not known."""
FALLING = 0.01
"""Fall from the second quarter to the last, in the same unit, of a run that is on its way."""
COLLAPSED = 0.1
"""Spread of the outputs over the samples of a batch, in units of their size, below which they say nothing about the
samples, and ..."""
SHRUNK = 0.25
"""... as a share of that in the first step: outputs that were alike from the start were not pulled together."""
SURE = 3.0
"""Standard errors by which such a fall exceeds the noise of the batches."""


@dataclass(frozen=True)
class Standstill:
    """A run that learned nothing.

    Attributes:
        end: mean loss of the last quarter.
        unit: loss of the best constant answer, or of the first steps where that is not known.
        constant: which of the two ``unit`` is.
    """

    end: float
    unit: float
    constant: bool

    @property
    def ratio(self) -> float:
        """``end`` over ``unit``."""
        return self.end / self.unit

    def evidence(self) -> Evidence:
        """The ratio beside what a run that learns shows."""
        if self.constant:
            text = f"loss {self.end:.4g} at the end, {self.unit:.4g} for the best constant answer"
            return Evidence("loss_over_constant", round(self.ratio, 3), f"< {NOTHING}", text)
        text = f"loss {self.end:.4g} at the end, {self.unit:.4g} in the first steps"
        return Evidence("loss_over_start", round(self.ratio, 3), f"< {UNMOVED}", text)


def standstill(recording: Recording) -> Standstill | None:
    """The standstill of a finite run with one optimizer and a loss that has to fall; None where it moved.

    Games between optimizers, losses of both signs and targets that the model itself makes (policy gradients,
    Q-learning) need not fall.
    """
    loss = recording.column("loss")
    learning = [o for o in recording.facts.optimizers if o.steps]
    if len(loss) < LEAST_STEPS or not np.isfinite(loss).all() or len(learning) != 1:
        return None
    scale = scale_of(recording, "loss")
    if scale is None or scale.floor != 0 or not scale.unit > 0:
        return None
    several = recording.facts.roots > 1
    if not scale.trivial and (several or not loss.min() >= 0):
        return None
    if (several or not scale.trivial) and own_targets(recording):
        return None
    quarter = len(loss) // 4
    before, last = loss[quarter : 2 * quarter], loss[-quarter:]
    noise = math.sqrt((before.var() + last.var()) / quarter)
    falls = before.mean() - last.mean() > max(FALLING * scale.unit, SURE * noise)
    if falls and last.mean() < initial(loss):
        return None
    unit = scale.unit if scale.trivial else initial(loss)
    end = float(stats.tail(loss).mean())
    moved = not end > (NOTHING if scale.trivial else UNMOVED) * unit
    return None if moved else Standstill(end, unit, scale.trivial)


def constant_loss(recording: Recording) -> float | None:
    """The loss of the best constant answer; None where the loss is no multiple of an error that is known."""
    scale = scale_of(recording, "loss")
    return scale.unit if scale is not None and scale.trivial else None


def collapsed(recording: Recording) -> tuple[float, float] | None:
    """Spread of the outputs over samples at first and at last, in units of their size, of a run that made all outputs
    alike and whose loss stands still: what becomes of distances that shrink (triplets, contrastive losses)."""
    loss, spreads = recording.column("loss"), [s for _, s in recording.facts.signals.output_spreads]
    learning = [o for o in recording.facts.optimizers if o.steps]
    if len(loss) < LEAST_STEPS or len(spreads) < 3 or len(learning) != 1 or not np.isfinite(loss).all():
        return None
    if not loss.min() >= 0 or not spreads[-1] < COLLAPSED or not spreads[-1] < SHRUNK * spreads[0]:
        return None
    return (spreads[0], spreads[-1]) if stats.tail(loss).mean() > UNMOVED * initial(loss) else None


def experiments(recording: Recording) -> tuple[Treatment, ...]:
    """What tells a loop that cannot learn from labels that tell nothing; none where the loss function is not known."""
    task = recording.facts.task
    site = recording.site(task.loss_site) if task is not None else None
    if task is None or site is None:
        return ()
    args = {"function": task.loss_name, "path": site.path, "line": site.line}
    one, permuted = ("one-batch", "one batch over and over"), ("permute-targets", "labels of each batch permuted")
    return tuple(Treatment((Intervention(name, label, args),)) for name, label in (one, permuted))


def own_targets(recording: Recording) -> bool:
    """Whether the loss compares outputs of models with each other."""
    calls = [op for op in recording.facts.trace if op.phase == "loss" and len(op.inputs) >= 2]
    compared = [op.inputs[:2] for op in calls if op.name in (*trace.LOSSES, "sub")]
    return any(all(x.derived or x.foreign for x in pair) for pair in compared)
