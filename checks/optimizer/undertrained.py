"""undertrained: the loop ends before anything can be learned."""

from __future__ import annotations

import math

import numpy as np

from sgd_doctor.check import Check
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.standstill import constant_loss

FEW = 10
"""Optimizer steps below which no loop of more than a toy learns anything."""
FALL, LEFT = 0.3, 0.8
"""What as many steps again would gain at the pace of the last third, and loss in that third, in units of the trivial
loss: a run that falls so steeply from so high has most of its learning before it."""
SURE = 3.0
"""Standard errors by which the fall has to exceed its noise."""


LONGER = 5
"""So many times the epochs are tried in the edited script."""


class Undertrained(Check):
    """The run ends before the model has learned what it can.

    ## What it means
    The script ended by itself after a handful of steps, or while the loss was still falling steeply from a high value.

    ## Why it hurts
    Nothing is wrong with the loop; it is only too short to show.

    ## How it is proven
    From the steps and losses of a script that came to its own end. It is named only where no other cause was found,
    so that neither a fault of the loop nor another learning rate explains the slow start better.

    ## How to fix it
    Loop over the data for more epochs.

    ## Example
    Bad:

        optimizer.step()                    # once

    Good:

        for epoch in range(20):
            for x, y in loader: ...

    ## Known limits
    Says nothing about runs that were stopped by the step limit.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016, chapter 8
    """

    name = "undertrained"
    family = "optimizer"
    summary = "the script makes too few optimizer steps to learn anything"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A finished script with few steps, or with a loss that was still on its way down."""
        facts = recording.facts
        if facts.ended != "finished" or not recording.steps:
            return None
        return self._few(recording) if recording.steps < FEW else self._falling(recording)

    def _falling(self, recording: Recording) -> Suspicion | None:
        loss, unit = recording.column("loss"), constant_loss(recording)
        if unit is None or not np.isfinite(loss).all():
            return None
        third = max(1, len(loss) // 3)
        before, last = loss[-2 * third : -third], loss[-third:]
        noise = math.sqrt((before.var() + last.var()) / third)
        fall, level = 3 * float(before.mean() - last.mean()), float(last.mean())
        if not fall > max(FALL * unit, 3 * SURE * noise) or not level > LEFT * unit:
            return None
        steps = recording.event_sites("step")
        place = recording.site(steps[0] if steps else -1)
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the script ends after {recording.steps} steps while the loss still falls "
            f"({before.mean():.3g} to {level:.3g} over the last third; a constant answer has {unit:.3g})",
            rule=Rule.SYMPTOM,
            location=recording.location(steps[0] if steps else -1),
            evidence=(
                Evidence("gain_of_as_many_steps", round(fall, 4), f"< {FALL * unit:.3g}", f"the loss is {level:.3g}"),
            ),
            advice="train for more epochs, until the held-out loss stops falling",
            edits=(Edit("more-epochs", {"step_line": place.line, "factor": LONGER}),) if place is not None else (),
            last_resort=True,
        )

    def _few(self, recording: Recording) -> Suspicion:
        steps = recording.event_sites("step")
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"the script makes only {recording.steps} optimizer step{'s' if recording.steps > 1 else ''}",
            rule=Rule.NOTE,
            location=recording.location(steps[0] if steps else -1),
            evidence=(
                Evidence("steps", recording.steps, f">= {FEW}", f"{recording.steps} steps were made before the end"),
            ),
            advice="loop over the data for more epochs; too little was seen to judge the learning",
        )
