"""model-reinit: the model is built again inside the loop."""

from __future__ import annotations

import itertools

import numpy as np

from sgd_doctor.check import Check
from sgd_doctor.findings import Confidence, Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Built

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
    By counting the models that one line built, and by the loss after each: it returns to where it began. Where each
    model saw one pass over the same loader, the same loop is rerun with the weights handed on from one to the next.
    Cross-validation and searches over settings do the same on purpose, hence only advice where it could be that.

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
            return self._suspicion(recording, built, starts, (float(np.mean(last)), float(np.mean(first[1:]))))
        return None

    def _suspicion(
        self, recording: Recording, built: Built, starts: list[int], losses: tuple[float, float]
    ) -> Suspicion:
        site = recording.site(built.site)
        args = {"path": site.path if site is not None else "", "line": site.line if site is not None else 0}
        sure = site is not None and one_pass_each(recording, starts)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR if sure else Severity.ADVICE,
            title=f"{built.kind} is built {built.count} times during training; each time the loss starts over "
            f"({losses[0]:.3g} to {losses[1]:.3g})",
            rule=Rule.SMELL if sure else Rule.NOTE,
            location=recording.location(built.site),
            evidence=(
                Evidence(
                    "models_built", built.count, "1", f"new models at the steps {', '.join(map(str, starts[:6]))}"
                ),
            ),
            treatments=(Treatment((Intervention("keep-model", "each model goes on with the weights before", args),)),),
            explains=("lr-too-low", "lr-too-high", "undertrained", "no-learning", "plateau", "slow-learning"),
            advice="build model and optimizer before the loop (with cross-validation this is meant)",
            edits=(Edit("hoist-out-of-loops", {"line": site.line}),) if site is not None and sure else (),
            confidence=Confidence.CONFIRMED if sure else Confidence.POSSIBLE,
            needs_harm=True,
            long=True,
        )


def one_pass_each(recording: Recording, starts: list[int]) -> bool:
    """Every model saw one pass over the same loader, at one learning rate: neither folds nor a search."""
    loaders = recording.facts.signals.loaders
    if not loaders:
        return False
    passes = np.asarray(loaders[0].passes)
    counts = [int(((passes >= a) & (passes < b)).sum()) for a, b in itertools.pairwise(starts)]
    rates = {g.get("lr") for o in recording.facts.optimizers if o.steps for g in o.groups[:1]}
    return len(rates) == 1 and all(count == 1 for count in counts)
