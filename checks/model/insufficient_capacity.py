"""insufficient-capacity: a bottleneck of one or two units."""

from __future__ import annotations

import itertools

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording

NARROW = 2
WIDE = 8
PLATEAU = 0.5
"""Share of the constant predictor's loss above which the run counts as stuck."""


class InsufficientCapacity(Check):
    """A layer of one or two units stands in the way.

    ## What it means
    Everything that the output depends on has to pass through the narrowest layer.

    ## Why it hurts
    The loss stalls high above what the data allow, with healthy gradients.

    ## How it is proven
    It is not: the width and the plateau are facts, that one causes the other is likely. Hence advice.

    ## How to fix it
    Make the layer wider.

    ## Example
    Bad:

        nn.Sequential(nn.Linear(64, 1), nn.ReLU(), nn.Linear(1, 10))

    Good:

        nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    ## Known limits
    Only classifiers are looked at: the bottleneck of an autoencoder is meant.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016, section 5.2
    """

    name = "insufficient-capacity"
    family = "model"
    summary = "a hidden layer of one or two units holds a classifier back"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A narrow layer between wider ones, in a classifier that stalls."""
        task = recording.facts.task
        if task is None or not task.trivial_loss:
            raise NotChecked("the task is not known")
        layers = [y for y in recording.facts.signals.layers if y.kind == "Linear" and len(y.shape) == 2]
        if task.kind != "class" or task.classes < 4 or recording.facts.roots != 1:
            return None
        narrow = [
            a
            for a, b in itertools.pairwise(layers)
            if a.shape[0] <= NARROW and a.shape[1] >= WIDE and b.shape[1] == a.shape[0]
        ]
        known = recording.column("task_loss")
        end = stats.finite_mean(known[np.isfinite(known)][-3:])
        if not narrow or not end > PLATEAU * task.trivial_loss:
            return None
        layer = narrow[0]
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"layer {layer.name} is only {layer.shape[0]} wide, for {task.classes} classes",
            rule=Rule.NOTE,
            location=recording.location(layer.site),
            evidence=(
                Evidence(
                    "width",
                    layer.shape[0],
                    f"> {NARROW}",
                    f"{layer.name} maps {layer.shape[1]} to {layer.shape[0]} numbers",
                ),
            ),
            advice=f"make {layer.name} wider, for example {max(32, 4 * task.classes)} units",
            confidence=Confidence.LIKELY,
        )
