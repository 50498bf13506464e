"""batch-too-small: each step follows one or two samples."""

from __future__ import annotations

import math

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording

FEW = 2
"""Targets for each step."""
LEAST_STEPS = 50
NOISY = 0.5
"""Spread of the loss from step to step over its mean."""


class BatchTooSmall(Check):
    """Each step is made from one or two samples.

    ## What it means
    The gradient of so few samples is mostly noise: it points where these samples want to go.

    ## Why it hurts
    The loss jumps from step to step, the learning rate has to be small, and most of the machine stays idle.

    ## How it is proven
    By the number of targets in each step and the spread of the loss. No harm is claimed: with a small enough learning
    rate single samples work.

    ## How to fix it
    Use batches of 16 to 256, or accumulate the gradients of several before each step.

    ## Example
    Bad:

        DataLoader(dataset, batch_size=1, shuffle=True)

    Good:

        DataLoader(dataset, batch_size=64, shuffle=True)

    ## Known limits
    Only targets are counted: one image with many pixels, or one text with many tokens, is no small batch.

    ## References
    - McCandlish et al., An Empirical Model of Large-Batch Training, 2018
    """

    name = "batch-too-small"
    family = "optimizer"
    summary = "one or two samples for each step: the gradient is mostly noise"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Targets for each step, and the noise of the loss."""
        targets = recording.facts.signals.targets
        if recording.steps < LEAST_STEPS or not targets.batches or recording.facts.task is None:
            raise NotChecked("too few steps with targets were seen")
        count = math.prod(targets.shape)
        backwards = stats.finite_median(recording.column("backwards"))
        loss = stats.tail(recording.column("loss"), least=20)
        mean = stats.finite_mean(loss)
        noise = float(np.std(loss) / mean) if np.isfinite(mean) and mean > 0 and np.isfinite(loss).all() else math.nan
        if not 0 < count <= FEW or not backwards <= 1 or not noise > NOISY or recording.facts.roots != 1:
            return None
        forward = recording.event_sites("forward")
        loaders = recording.facts.signals.loaders
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"each step follows {count} sample{'s' * (count > 1)}: the loss varies by {noise:.0%} between steps",
            rule=Rule.NOTE,
            location=recording.location(loaders[0].site if loaders else forward[0] if forward else -1),
            evidence=(
                Evidence("targets_per_step", count, f"> {FEW}", f"{count} targets in each step"),
                Evidence("loss_noise", round(noise, 3), f"< {NOISY}", f"the loss varies by {noise:.0%} of its mean"),
            ),
            advice="use batches of 16 to 256 samples, or accumulate gradients over several before optimizer.step()",
            confidence=Confidence.LIKELY,
        )
