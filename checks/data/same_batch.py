"""same-batch: a loader that is started anew for each batch gives the first one every time."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Loader

LEAST_BATCHES = 8
"""Fewer batches that are alike may be a test of the loop."""
ONE_EACH = 0.9
"""Share of the batches that have to begin a pass of their own."""


class SameBatch(Check):
    """Every step trains on the same batch of a larger data set.

    ## What it means
    `next(iter(loader))` starts the loader over. Without shuffling that is the first batch, each time; the rest of the
    data is never seen.

    ## Why it hurts
    The loss falls to nothing, because one batch is learned by heart. Nothing is learned about other data.

    ## How it is proven
    From the loader, which began a new pass for each batch, and from the values that reached the model, which were equal
    to the last bit at all steps that were looked at.

    ## How to fix it
    Loop over the loader: `for x, y in loader:`. Where steps are counted, make the iterator once, before the loop, and a
    new one when it ends.

    ## Example
    Bad:

        for step in range(500):
            x, y = next(iter(loader))

    Good:

        for epoch in range(epochs):
            for x, y in loader:

    ## Known limits
    A batch that is drawn by hand, with the same random numbers each time, is not noticed. One that was taken once,
    before the loop, is meant to be learned by heart.

    ## References
    - <https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader>
    """

    name = "same-batch"
    family = "data"
    summary = "every step trains on the same batch of a larger data set"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Passes of one batch each, and equal batches."""
        loaders, drift = recording.facts.signals.loaders, recording.facts.signals.drift
        if not loaders or len(drift.mean) < LEAST_BATCHES:
            raise NotChecked("no loader was used, or too few of its batches were looked at")
        loader = max(loaders, key=lambda one: one.batches)
        seen = len(set(zip(drift.mean, drift.std, strict=True)))
        if not starts_over(loader) or seen > 1:
            return None
        size, samples = loader.batch_size, loader.samples
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"every step trains on the same batch: {size} of {samples} samples",
            rule=Rule.FACT,
            location=recording.location(loader.drawn),
            evidence=(
                Evidence(
                    "different_batches",
                    seen,
                    f"{samples // size}",
                    f"the {len(drift.mean)} batches that were looked at are equal; the loader started over for each",
                ),
            ),
            explains=("overfitting", "labels-misaligned", "missing-weight-decay", "class-imbalance"),
            advice="loop over the loader (for x, y in loader:), or make the iterator once before the loop and call "
            "next() on that",
        )


def starts_over(loader: Loader) -> bool:
    """Whether a pass over more samples than a batch holds was begun for each batch."""
    kept = min(loader.batches, 64)
    whole = 0 < loader.batch_size < loader.samples
    return whole and loader.batches >= LEAST_BATCHES and len(loader.passes) >= ONE_EACH * kept
