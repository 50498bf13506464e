"""inplace-data-mutation: the stored data change while they are read."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Array, Recording
from sgd_doctor.signals import InputDrift

FACTOR = 20.0
"""Change of the inputs' spread over the run that no sampling explains."""
LEAST = 5
WOBBLE = 0.1
"""How far the logarithm of the spread may go the other way between two records: batches differ."""
APART = 1.5
"""Records are compared at steps that grow by at least this factor, so that batches differ by epochs."""


class InplaceDataMutation(Check):
    """The inputs grow or shrink from epoch to epoch.

    ## What it means
    A transform writes into the stored array: `x -= mean; x /= std` in `__getitem__` changes the data set itself, so
    that each epoch normalises what was normalised before.

    ## Why it hurts
    The inputs run away by a constant factor each epoch, and the model never sees the same data twice.

    ## How it is proven
    The spread of what reaches the first weight layer changes steadily by more than a factor of 20. The same loop is
    rerun over its whole length with every batch standardised; where that is no better, it is advice.

    ## How to fix it
    Write `x = (x - mean) / std`, or copy first: `x = self.x[i].clone()`.

    ## Example
    Bad:

        x = self.data[i]
        x -= self.mean; x /= self.std

    Good:

        x = (self.data[i] - self.mean) / self.std

    ## Known limits
    Changes that keep the scale (a flip in place) are not seen.

    ## References
    - <https://numpy.org/doc/stable/user/basics.copies.html>
    """

    name = "inplace-data-mutation"
    family = "data"
    summary = "the stored data are changed while they are read: inputs drift from epoch to epoch"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The spread of the inputs over the run."""
        drift, features = recording.facts.signals.drift, recording.facts.features
        if features is None or len(drift.std) < LEAST:
            raise NotChecked("too few batches of inputs were seen")
        if not features.input_is_data or features.layer.startswith(("BatchNorm", "SyncBatchNorm")):
            return None
        std = _spread_apart(drift)
        changes = np.diff(np.log(std)) if (std > 0).all() else np.zeros(0)
        if len(changes) < LEAST - 2 or not abs(float(changes[1:].sum())) > np.log(FACTOR):
            return None
        if not ((changes[1:] > -WOBBLE).all() or (changes[1:] < WOBBLE).all()):
            return None
        writes = recording.facts.signals.data_writes
        written = recording.site(writes[0]) if writes else None
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the inputs {'grow' if std[-1] > std[0] else 'shrink'} while training: their spread goes from "
            f"{std[0]:.3g} to {std[-1]:.3g}",
            rule=Rule.KNOB,
            location=recording.location(writes[0] if writes else features.site),
            evidence=(
                Evidence(
                    "input_spread",
                    float(f"{std[-1]:.3g}"),
                    f"about {std[0]:.3g}",
                    f"standard deviation of the inputs {std[0]:.3g} at step {drift.steps[0]}, "
                    f"{std[-1]:.3g} at step {drift.steps[-1]}",
                ),
            ),
            treatments=(Treatment((Intervention("standardise-batches", "every batch standardised", {}),)),),
            explains=(
                "unnormalized-inputs",
                "divergence",
                "lr-too-high",
                "lr-too-low",
                "oscillation",
                "exploding-gradient",
                "overfitting",
                "dead-relu",
            ),
            advice="do not normalise in place: x = (x - mean) / std instead of x -= mean; x /= std, or clone() first",
            edits=(Edit("out-of-place", {"line": written.line}),) if written is not None else (),
            long=True,
        )


def _spread_apart(drift: InputDrift) -> Array:
    """Spreads at steps that lie far enough apart to belong to different epochs."""
    kept: list[float] = []
    last = 0.0
    for step, std in zip(drift.steps, drift.std, strict=True):
        if not kept or step >= APART * max(last, 8.0):
            kept.append(std)
            last = float(step)
    return np.asarray(kept)
