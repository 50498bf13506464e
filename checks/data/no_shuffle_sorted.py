"""no-shuffle-sorted: the classes come one after the other."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Batch

PURE = 0.15
"""Label entropy of the median batch over that of all labels, below which the stream is sorted."""
LEAST_BATCHES = 6
LEAST_SAMPLES = 4


class NoShuffleSorted(Check):
    """The training data come sorted by class.

    ## What it means
    The data lie class by class on disk, and the loader reads them in that order: whole batches, and whole stretches
    of batches, hold a single class.

    ## Why it hurts
    Each stretch teaches the model to answer with its class and to forget the others. The training loss looks small
    (the answer is always the same) and the accuracy on anything else is near chance.

    ## How it is proven
    The labels in a batch have next to no entropy, though all labels together do. The same loop is rerun with its
    loaders shuffled, and both final models are evaluated on batches from the whole run. Where that is no better
    (an order that is meant: time series, a curriculum), it is advice.

    ## How to fix it
    `DataLoader(..., shuffle=True)`; without a loader, `perm = torch.randperm(len(X))` in each epoch.

    ## Example
    Bad:

        loader = DataLoader(ImageFolder(root, transform), batch_size=32)

    Good:

        loader = DataLoader(ImageFolder(root, transform), batch_size=32, shuffle=True)

    ## Known limits
    Loops that slice their data by hand cannot be shuffled in a rerun: there the finding is `likely`.

    ## References
    - <https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader>
    """

    name = "no-shuffle-sorted"
    family = "data"
    summary = "batches hold one class each: the data are sorted and not shuffled"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Label entropy within batches against that of all labels."""
        task, targets = recording.facts.task, recording.facts.signals.targets
        if task is None:
            raise NotChecked("no targets were seen")
        batches = [b for b in targets.batches if b.entropy is not None and b.samples >= LEAST_SAMPLES]
        if task.kind != "class" or len(targets.shape) != 1 or len(batches) < LEAST_BATCHES:
            return None
        labels = {b.label for b in batches}
        joint = _entropy(list(targets.counts.values()))
        within = float(np.median([b.entropy for b in batches if b.entropy is not None]))
        if len(labels) < 2 or not joint > 0.3 or not within < PURE * joint:
            return None
        return self._suspicion(recording, batches, within, joint)

    def _suspicion(self, recording: Recording, batches: list[Batch], within: float, joint: float) -> Suspicion:
        data = recording.event_sites("data")
        treated = Treatment((Intervention("shuffle-batches", "loader shuffled", {}),))
        site = data[0] if data else recording.event_sites("forward")[0] if recording.event_sites("forward") else -1
        order = ", ".join(str(b.label) for b in batches[:8])
        loader = recording.facts.signals.loaders[0].site if recording.facts.signals.loaders else -1
        place = recording.site(loader)
        args = {"function": "DataLoader", "arg": "shuffle", "value": True}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"batches are sorted by class (most frequent labels of batches that were looked at: {order})",
            rule=Rule.FACT,
            location=recording.location(loader if place is not None else site),
            evidence=(
                Evidence(
                    "label_entropy_in_batch",
                    round(within, 3),
                    f"about {joint:.2f}",
                    f"the labels within a batch have an entropy of {within:.2f}, all labels together of {joint:.2f}",
                ),
            ),
            treatments=(treated,) if data else (),
            explains=("overfitting", "oscillation", "lr-too-high", "lr-too-low", "plateau", "class-imbalance"),
            advice="shuffle: DataLoader(..., shuffle=True), or a new torch.randperm(len(X)) in every epoch",
            edits=(Edit("set-call-arg", args | {"line": place.line}),) if place is not None else (),
            metric="pool_loss",
            confidence=Confidence.CONFIRMED if data else Confidence.LIKELY,
            needs_harm=True,
        )


def _entropy(counts: list[int]) -> float:
    shares = np.asarray(counts, dtype=float)
    shares = shares[shares > 0] / max(1.0, shares.sum())
    return float(-(shares * np.log(shares)).sum()) if len(shares) else 0.0
