"""divergence: the loss grows or is no longer finite."""

from __future__ import annotations

import math

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Array, Recording

GROWTH = 3.0
"""Mean loss of the last quarter over that of the first steps; spikes that recover do not count."""


class Divergence(Check):
    """The loss grows, or becomes NaN or infinite.

    ## What it means
    A symptom: it says what happened, and where first, not why.

    ## Why it hurts
    After the first NaN nothing is learned any more.

    ## How it is proven
    By the recorded loss and the first tensor that was not finite. Where a cause is found whose treated
    run stays finite, the cause is reported and this symptom under it.

    ## How to fix it
    Fix the cause. Look at the named module and step first.

    ## Example
    Bad:

        loss = torch.log(probability).mean()      # log(0) = -inf

    Good:

        loss = F.log_softmax(logits, dim=1).mean()

    ## Known limits
    A loss without a lower bound (WGAN, ELBO with densities) may grow in size on purpose. A run that was not finite
    for some steps and is again (a gradient scaler skips such steps) is left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection>
    """

    name = "divergence"
    family = "outcome"
    summary = "the loss grows or is not finite (symptom)"
    symptom = True

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The first value that was not finite, or a loss that ended far above its start."""
        loss = recording.column("loss")
        if not len(loss):
            raise NotChecked("no loss was recorded")
        stage = stats.last_stage(recording.column("optimizer"))
        bad = np.flatnonzero(~np.isfinite(loss))
        facts = recording.facts
        first = facts.nonfinite
        if first is None and not (facts.backwards or facts.grad_calls or facts.manual_steps):
            raise NotChecked("no backward call was seen")  # the loss is recorded there
        if (first is not None or len(bad)) and not _recovered(loss):
            return self._nonfinite(recording, int(bad[0]) if len(bad) else first.step if first else 0)
        loss = loss[stage:]
        start, end = stats.finite_median(loss[:5]), stats.finite_mean(stats.tail(loss))
        if len(loss) < 10 or not (start > 0 and end > GROWTH * start):
            return None
        return self._symptom(
            recording,
            f"the loss grew from {start:.3g} to {end:.3g}",
            Evidence(
                "loss", round(end, 4), f"< {start:.3g}", f"mean of the last steps {end:.4g}, of the first {start:.4g}"
            ),
        )

    def _nonfinite(self, recording: Recording, step: int) -> Suspicion | None:
        first = recording.facts.nonfinite
        where = (
            f"first in {first.where} {first.name} at step {first.step}"
            if first is not None
            else f"first at step {step}"
        )
        finite = recording.column("loss")[:step]
        last = float(finite[-1]) if len(finite) else math.nan
        return self._symptom(
            recording,
            f"the run is no longer finite from step {first.step if first else step} on, {where}",
            Evidence(
                "first_nonfinite_step",
                first.step if first else step,
                "none",
                f"last finite loss {last:.4g}; not finite {where}",
            ),
        )

    def _symptom(self, recording: Recording, title: str, evidence: Evidence) -> Suspicion:
        first = recording.facts.nonfinite
        backward = recording.event_sites("backward")
        site = first.site if first is not None and first.site >= 0 else (backward[0] if backward else -1)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=title,
            rule=Rule.SYMPTOM,
            location=recording.location(site),
            evidence=(evidence,),
            advice="find the operation that made the first such value; its module and step are named above",
            confidence=Confidence.CONFIRMED,
        )


def _recovered(loss: Array) -> bool:
    """The last steps are all finite again: a gradient scaler, or the script, left the bad step out."""
    last = stats.tail(loss)
    return len(last) < len(loss) and bool(np.isfinite(last).all())
