"""sum-reduction: the gradient grows with the batch."""

from __future__ import annotations

import math

import numpy as np

from sgd_doctor import stats, trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

LARGE_UPDATE = 0.15
"""Largest update over weight norm (1362 runs: above it lr is too high with precision .93)."""
LEAST_BATCH = 4
CLASSES = {
    "cross_entropy": ("CrossEntropyLoss",),
    "nll_loss": ("NLLLoss",),
    "mse_loss": ("MSELoss",),
    "l1_loss": ("L1Loss",),
    "smooth_l1_loss": ("SmoothL1Loss",),
    "binary_cross_entropy": ("BCELoss",),
    "binary_cross_entropy_with_logits": ("BCEWithLogitsLoss",),
    "kl_div": ("KLDivLoss",),
}
"""Names under which the loss may be built on the line where it is called."""
SCALED_BY_GRADIENT = ("SGD", "ASGD", "RMSprop")
BY_ELEMENT = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
              "binary_cross_entropy_with_logits", "kl_div")  # fmt: skip


class SumReduction(Check):
    """`reduction="sum"` multiplies the gradient by the number of samples.

    ## What it means
    The loss is a sum over the batch, so its gradient is N times that of the mean: the learning rate acts as
    if it were N times as large, and changes with the batch size.

    ## Why it hurts
    At a learning rate that suits the mean, training diverges or jumps.

    ## How it is proven
    The loss function was called with `reduction="sum"`, and the updates are too large. The same loop is rerun
    with the gradients of the mean; where that is no better, it is advice.

    ## How to fix it
    Use the default, `reduction="mean"`, or divide the learning rate by the batch size.

    ## Example
    Bad:

        criterion = nn.CrossEntropyLoss(reduction="sum")

    Good:

        criterion = nn.CrossEntropyLoss()

    ## Known limits
    A sum with a small learning rate to match is healthy and left in peace, as is any sum under Adam, which
    takes the scale out of gradients.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
    """

    name = "sum-reduction"
    family = "loss"
    summary = "reduction='sum' multiplies the gradient by the batch size, and lr does not make up for it"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A summed loss whose updates are too large."""
        if not recording.facts.trace or not recording.steps:
            raise NotChecked("no step was traced")
        if not all(o.kind in SCALED_BY_GRADIENT for o in recording.facts.optimizers):
            return None
        for loss in trace.loss_calls(recording, *sorted(trace.LOSSES)):
            count = summed(loss)
            if loss.reduction == "sum" and count >= LEAST_BATCH and too_large(recording):
                return self._suspicion(recording, loss, count)
        return None

    def _suspicion(self, recording: Recording, loss: Operation, count: int) -> Suspicion:
        place = recording.site(loss.site)
        written = next((c for c in CLASSES.get(loss.name, ()) if place and f"{c}(" in place.code), loss.name)
        edit = {"arg": "reduction", "value": "mean", "function": written, "line": place.line if place else 0}
        largest = stats.finite_median(np.sort(recording.column("update_ratio")[:24])[-1:])
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{loss.name} sums over {count} terms: its gradient is {count} times that of the mean",
            rule=Rule.FACT,
            location=recording.location(loss.site),
            evidence=(
                Evidence("terms", count, "1 (the mean)", f'reduction="sum" over a batch of {loss.inputs[0].shape}'),
                Evidence(
                    "update_ratio",
                    round(largest, 3) if math.isfinite(largest) else None,
                    f"< {LARGE_UPDATE}",
                    "largest update over weight norm of the first steps",
                ),
            ),
            treatments=(
                Treatment((Intervention("scale-gradients", "the gradient of the mean", {"factor": 1.0 / count}),)),
            ),
            explains=("divergence", "lr-too-high", "oscillation", "exploding-gradient", "no-learning", "dead-relu"),
            advice='use reduction="mean" (the default), or divide lr by the batch size',
            edits=(Edit("set-call-arg", edit),),
            needs_harm=True,
        )


def summed(loss: Operation) -> int:
    """How many terms the sum has."""
    shape = loss.inputs[0].shape
    return math.prod(shape) if loss.name in BY_ELEMENT else math.prod((*shape[:1], *shape[2:]))


def too_large(recording: Recording) -> bool:
    """Updates beyond the usual, or a loss that is not finite."""
    ratios = recording.column("update_ratio")[:24]
    known = ratios[np.isfinite(ratios)]
    return not np.isfinite(recording.column("loss")).all() or bool(len(known) and not known.max() <= LARGE_UPDATE)
