"""optimizer-recreated: the optimizer is built again and again."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Built

OFTEN = 4
"""So many optimizers for the same parameters are no stages of a fine-tuning any more."""


class OptimizerRecreated(Check):
    """The optimizer is built anew inside the loop.

    ## What it means
    Momentum buffers and Adam's averages live in the optimizer. A new one starts with none.

    ## Why it hurts
    With a new optimizer for every batch there is no momentum at all, and Adam's first step is always the whole
    learning rate in every direction.

    ## How it is proven
    By counting the optimizers that one line built for the same parameters. The same loop is rerun with the state
    handed on from one to the next; where that is no better, it is advice.

    ## How to fix it
    Build the optimizer once, before the loop.

    ## Example
    Bad:

        for epoch in range(10):
            optimizer = torch.optim.Adam(model.parameters())

    Good:

        optimizer = torch.optim.Adam(model.parameters())
        for epoch in range(10): ...

    ## Known limits
    A new model with a new optimizer (cross-validation, a search over settings) is left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/optim.html>
    """

    name = "optimizer-recreated"
    family = "loop"
    summary = "a new optimizer for the same parameters in every round of the loop"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Optimizers of one line that hold the parameters of the one before."""
        if not recording.facts.optimizers or not recording.steps:
            raise NotChecked("no optimizer made a step")
        repeated = [b for b in recording.facts.signals.optimizers_built if b.same + 1 >= OFTEN]
        repeated = [b for b in repeated if self._has_state(recording, b.site)]
        if not repeated:
            return None
        built = max(repeated, key=lambda b: b.same)
        gaps = np.diff(built.steps)
        if not len(gaps) or not float(np.median(gaps)) >= 1:
            return None
        return self._suspicion(recording, built, float(np.median(gaps)))

    def _has_state(self, recording: Recording, site: int) -> bool:
        """Plain SGD keeps nothing between its steps."""
        built = [o for o in recording.facts.optimizers if o.site == site]
        return any(o.kind != "SGD" or any(g.get("momentum") for g in o.groups) for o in built)

    def _suspicion(self, recording: Recording, built: Built, gap: float) -> Suspicion:
        place = recording.site(built.site)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR if gap <= 2 else Severity.WARNING,
            title=f"{built.kind} is built {built.count} times for the same parameters, every {gap:g} "
            f"step{'s' * (gap != 1)}: its state is lost each time",
            rule=Rule.FACT,
            location=recording.location(built.site),
            evidence=(
                Evidence(
                    "optimizers_built",
                    built.count,
                    "1",
                    f"one line built {built.count} optimizers for the same parameters",
                ),
            ),
            treatments=(Treatment((Intervention("keep-optimizer-state", "optimizer state kept", {}),)),),
            explains=("lr-too-low", "lr-too-high", "plateau", "slow-learning", "undertrained"),
            advice=f"build {built.kind} once, before the loop",
            edits=(Edit("hoist-out-of-loops", {"line": place.line}),) if place is not None else (),
            needs_harm=True,
        )
