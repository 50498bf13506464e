"""model-reinit: the model is built again inside the loop."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording

OFTEN = 3
UNFINISHED = 0.3
"""Loss at the end of a round over that at its start: below this every model was trained to its end."""


class ModelReinit(Check):
    """A new model is built in every round of the loop.

    ## What it means
    One line builds the same model several times while training goes on. What the one before has learned is gone.

    ## Why it hurts
    The loss falls within a round and is back at its first value in the next.

    ## How it is proven
    By counting the models that one line built, and by the loss after each: it returns to where it began.
    Cross-validation and searches over settings do the same on purpose, hence advice.

    ## How to fix it
    Build the model, and its optimizer, before the loop.

    ## Example
    Bad:

        for epoch in range(10):
            model = Net()
            train(model)

    Good:

        model = Net()
        for epoch in range(10):
            train(model)

    ## Known limits
    Whether a new model is meant cannot be told from outside.

    ## References
    - <https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html>
    """

    name = "model-reinit"
    family = "loop"
    summary = "the same line builds a new model again and again during training"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Models of one line, first called at growing steps."""
        for built in recording.facts.signals.models_built:
            starts = [s for s in built.steps if s < recording.steps]
            if built.count < OFTEN or len(starts) < OFTEN or not np.all(np.diff(starts) > 0):
                continue
            loss = recording.column("loss")
            first = [float(loss[s]) for s in starts]
            last = [float(loss[s - 1]) for s in starts[1:]]
            if not np.isfinite([*first, *last]).all() or not np.mean(last) > UNFINISHED * np.mean(first):
                continue
            return Suspicion(
                check=self.name,
                severity=Severity.ADVICE,
                title=f"{built.kind} is built {built.count} times during training; each time the loss starts over "
                f"({np.mean(last):.3g} to {np.mean(first[1:]):.3g})",
                rule=Rule.NOTE,
                location=recording.location(built.site),
                evidence=(
                    Evidence(
                        "models_built", built.count, "1", f"new models at the steps {', '.join(map(str, starts[:6]))}"
                    ),
                ),
                advice="build model and optimizer before the loop (with cross-validation this is meant)",
                confidence=Confidence.POSSIBLE,
            )
        return None
