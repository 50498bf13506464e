"""scheduler-per-batch: a schedule meant for epochs runs through in a few batches."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording, SchedulerFacts

BY_EPOCH = ("StepLR", "MultiStepLR", "ExponentialLR", "MultiplicativeLR")
"""Schedules that usually count epochs.  OneCycle, warm-up, cosine and lambdas are stepped per batch on purpose."""
COLLAPSED = 0.1
"""Last over first learning rate below which the schedule has run through."""


class SchedulerPerBatch(Check):
    """A scheduler that counts epochs is stepped for every batch.

    ## What it means
    `StepLR(optimizer, 5)` divides the rate by ten every five calls of `step()`. Called once per batch it does so
    every five batches, and the rate is practically 0 before the first epoch ends.

    ## Why it hurts
    Training stops, though everything else is right.

    ## How it is proven
    The scheduler was stepped as often as the optimizer, and the rate fell to less than a tenth. The same loop is
    rerun with the rate held at its first value; where that is not clearly better, it is advice.

    ## How to fix it
    Move `scheduler.step()` out of the batch loop, or count its steps in batches.

    ## Example
    Bad:

        for x, y in loader:
            ...
            optimizer.step()
            scheduler.step()

    Good:

        for x, y in loader:
            ...
            optimizer.step()
        scheduler.step()

    ## Known limits
    `LambdaLR` and cosine schedules are not judged: they are often meant per batch.

    ## References
    - <https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>
    """

    name = "scheduler-per-batch"
    family = "optimizer"
    summary = "an epoch schedule is stepped per batch: the learning rate collapses"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Scheduler steps against optimizer steps, and what became of the rate."""
        if not recording.facts.schedulers or recording.steps < 5:
            raise NotChecked("no scheduler is used")
        lr = recording.column("lr")
        lr = lr[np.isfinite(lr)]
        if len(lr) < 5 or not lr[0] > 0 or not lr[-1] < COLLAPSED * lr[0]:
            return None
        for scheduler in recording.facts.schedulers:
            if scheduler.kind in BY_EPOCH and scheduler.per_batch(recording.steps):
                return self._suspicion(recording, scheduler, float(lr[0]), float(lr[-1]))
        return None

    def _suspicion(self, recording: Recording, scheduler: SchedulerFacts, first: float, last: float) -> Suspicion:
        place = recording.site(scheduler.step_site)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{scheduler.kind} is stepped for every batch: lr fell from {first:.3g} to {last:.3g} "
            f"within {recording.steps} steps",
            rule=Rule.KNOB,
            location=recording.location(scheduler.step_site),
            evidence=(
                Evidence(
                    "scheduler_steps",
                    scheduler.steps,
                    "one for each epoch",
                    f"{scheduler.steps} scheduler steps for {recording.steps} steps; lr {first:.3g} to {last:.3g}",
                ),
            ),
            treatments=(Treatment((Intervention("hold-lr", f"lr held at {first:.3g}", {}),)),),
            explains=("lr-too-low", "plateau", "slow-learning", "undertrained", "scheduler-misused", "no-learning"),
            advice="call scheduler.step() once per epoch, after the batch loop (or count its steps in batches)",
            edits=(Edit("dedent-scheduler", {"scheduler_line": place.line}),) if place is not None else (),
            long=True,
        )
