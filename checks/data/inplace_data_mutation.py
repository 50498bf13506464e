"""inplace-data-mutation: the stored data change while they are read."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Array, Recording
from sgd_doctor.signals import InputDrift, StoredChange

FACTOR = 20.0
"""Change of the inputs' spread over the run that no sampling explains."""
CHANGED = 0.02
"""Share of the stored values that have to be others at the end."""
EXPLAINS = (
    "unnormalized-inputs",
    "divergence",
    "lr-too-high",
    "lr-too-low",
    "oscillation",
    "exploding-gradient",
    "overfitting",
    "dead-relu",
    "bn-eval-gap",
    "train-test-preprocess-mismatch",
)
LEAST = 5
WOBBLE = 0.1
"""How far the logarithm of the spread may go the other way between two records: batches differ."""
APART = 1.5
"""Records are compared at steps that grow by at least this factor, so that batches differ by epochs."""


class InplaceDataMutation(Check):
    """What a data set stores changes while it is read.

    ## What it means
    A transform writes into the stored array: `x -= mean; x /= std` in `__getitem__` changes the data set itself, so
    that each epoch normalises what was normalised before; a cutout that erases pixels of `self.images[i]` erases more
    and more of them.

    ## Why it hurts
    The inputs run away by a constant factor each epoch, or less and less is left of them, and the model never sees the
    same data twice.

    ## How it is proven
    The spread of what reaches the first weight layer changes steadily by more than a factor of 20. The same loop is
    rerun over its whole length with every batch standardised; where that is no better, it is advice. Where arrays that
    the data set holds have other values at the end than at the beginning, the rerun puts them back after each batch,
    and has to be better.

    ## How to fix it
    Write `x = (x - mean) / std`, or copy first: `x = self.x[i].clone()`.

    ## Example
    Bad:

        x = self.data[i]
        x -= self.mean; x /= self.std

    Good:

        x = (self.data[i] - self.mean) / self.std

    ## Known limits
    Data that the data set does not hold itself as arrays, and loaders with workers, are judged by the scale alone.

    ## References
    - <https://numpy.org/doc/stable/user/basics.copies.html>
    """

    name = "inplace-data-mutation"
    family = "data"
    summary = "the stored data are changed while they are read: inputs drift from epoch to epoch"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The spread of the inputs over the run, and what data sets hold in the end."""
        changes = recording.facts.signals.stored_changes
        largest = max(changes, key=lambda change: change.share, default=None)
        grown = self._grown(recording, checked=largest is not None)
        if grown is not None or largest is None or not largest.share > CHANGED:
            return grown
        return self._changed(recording, largest)

    def _changed(self, recording: Recording, change: StoredChange) -> Suspicion:
        writes = recording.facts.signals.data_writes
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"reading samples changes what the data set stores: {change.share:.0%} of {change.name} hold other "
            "values than at first",
            rule=Rule.KNOB,
            location=recording.location(change.site if change.site >= 0 else writes[0] if writes else -1),
            evidence=(
                Evidence(
                    "changed_share",
                    change.share,
                    "0",
                    f"{change.share:.0%} of the values of {change.name} that were looked at have changed by the end",
                ),
            ),
            treatments=(Treatment((Intervention("keep-data", "stored data put back after each batch", {}),)),),
            explains=EXPLAINS,
            advice="let transforms write into a copy: img = self.images[i].copy() (numpy) or .clone() (torch)",
            only_proven=True,
            long=True,
        )

    def _grown(self, recording: Recording, *, checked: bool) -> Suspicion | None:
        drift, features = recording.facts.signals.drift, recording.facts.features
        if features is None or len(drift.std) < LEAST:
            if checked:
                return None
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
            explains=EXPLAINS,
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
