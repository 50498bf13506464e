"""lr-too-high: the step is longer than the loss surface allows."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.standstill import standstill

SCREEN_UPDATE_RATIO = 0.02
"""Largest update/weight norm below which a smaller lr was never clearly better (docs/proof.md, lr bench)."""
FIRST_STEPS = 50


class LrTooHigh(Check):
    """The learning rate is too high.

    ## What it means
    Each step overshoots: along the steepest direction the weights land farther from the minimum
    than they were. For plain gradient descent on a quadratic the limit is `2 (1 + momentum) / λmax`,
    where λmax is the largest eigenvalue of the Hessian.

    ## Why it hurts
    The loss jumps, stalls far above what the model can reach, kills ReLU units for good, or becomes NaN.

    ## How it is proven
    The same loop is rerun from the same state on the same batches at smaller learning rates. It is
    reported only where one of them ends clearly lower and no other suspected cause (unnormalised
    inputs, gradients that are never zeroed, momentum, weight decay) explains the run better: almost
    every fault looks like a learning rate that is too high.

    ## How to fix it
    Use the learning rate that the report names. The range that worked stands beside it.

    ## Example
    Bad:

        optimizer = torch.optim.SGD(model.parameters(), lr=5.0, momentum=0.9)

    Good:

        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    ## Known limits
    Short runs over-estimate what is stable: a rate that works for 300 steps can fail later.
    A cliff that comes after the probes is not seen.

    ## References
    - Cohen et al., Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability, ICLR 2021
    - <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>
    """

    name = "lr-too-high"
    family = "optimizer"
    summary = "a smaller learning rate trains clearly better"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Large updates, a loss that is not finite, or one that learned nothing."""
        if not recording.facts.optimizers or recording.steps == 0:
            raise NotChecked("no optimizer made a step")
        ratios = recording.column("update_ratio")[:FIRST_STEPS]
        largest = stats.finite_max(ratios)
        loss = recording.column("loss")
        broken = len(loss) > 0 and not np.isfinite(loss[-1])
        large, stuck = largest > SCREEN_UPDATE_RATIO, standstill(recording)
        if not broken and not large and stuck is None:
            return None
        lr = stats.finite_max(recording.column("lr"))
        optimizer = recording.facts.optimizers[0]
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"lr {stats.nice(lr)} is too high",
            rule=Rule.LOWER_LR,
            location=recording.location(optimizer.site),
            evidence=(stuck.evidence() if stuck is not None and not large else _size(largest),),
            explains=(
                "divergence",
                "oscillation",
                "no-learning",
                "dead-relu",
                "saturation",
                "exploding-gradient",
                "overfitting",
            ),
            confidence=Confidence.CONFIRMED,
        )


def _size(largest: float) -> Evidence:
    """The longest step."""
    if np.isnan(largest):
        return Evidence("max_update_ratio", None, "< 0.02", "the size of the steps is not finite")
    text = f"one step moved the weights by up to {largest:.0%} of their norm"
    return Evidence("max_update_ratio", round(float(largest), 4), "< 0.02", text)
