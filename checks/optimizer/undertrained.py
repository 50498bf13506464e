"""undertrained: the loop ends before anything can be learned."""

from __future__ import annotations

from sgd_doctor.check import Check
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording

FEW = 10
"""Optimizer steps below which no loop of more than a toy learns anything."""


class Undertrained(Check):
    """The run makes too few optimizer steps.

    ## What it means
    The script ended by itself after a handful of steps.

    ## Why it hurts
    Nothing is wrong with the loop; it is only too short to show.

    ## How it is proven
    By counting the steps of a script that came to its own end.

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
        """A finished script with few steps."""
        facts = recording.facts
        if facts.ended != "finished" or not 0 < recording.steps < FEW:
            return None
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
