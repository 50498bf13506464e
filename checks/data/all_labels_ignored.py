"""all-labels-ignored: a batch has no target that counts."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

IGNORED = "every target of the batch is ignored"


class AllLabelsIgnored(Check):
    """Every target of a batch is `ignore_index`.

    ## What it means
    `CrossEntropyLoss` averages over the targets that are not `ignore_index` (-100 unless set). When none is left it
    divides 0 by 0.

    ## Why it hurts
    The loss of that batch is NaN, and with it every mean over batches, early stopping and `ReduceLROnPlateau`. The
    gradient of the plain loss is 0, so the weights survive; where something is computed with the NaN, they do not.

    ## How it is proven
    The loss function itself reports that the weights of its targets sum to 0. The same loop is rerun with the loss
    of such batches set to 0.

    ## How to fix it
    Find out why: labels masked twice, a truncation that cuts all answers off, padding with the ignore index before
    the prompt is masked. Otherwise skip such batches.

    ## Example
    Bad:

        labels[:, :max_prompt_len] = -100        # the answers are cut off as well

    Good:

        labels[mask_of_prompt] = -100
        if (labels != -100).any(): ...

    ## Known limits
    Batches that the watched part of the run has not reached are not seen.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
    """

    name = "all-labels-ignored"
    family = "data"
    summary = "no target of a batch counts: the loss is 0/0"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The loss function that divided 0 by 0."""
        if not recording.facts.backwards:
            raise NotChecked("no backward call was seen")
        first, culprit = recording.facts.nonfinite, recording.facts.signals.culprit
        if first is None or culprit is None or culprit.reason != IGNORED:
            return None
        site = recording.site(culprit.site)
        treatments: tuple[Treatment, ...] = ()
        if site is not None:
            args = {"function": culprit.function, "path": site.path, "line": site.line}
            treatments = (Treatment((Intervention("guard-function", "such batches skipped", args),)),)
        later = recording.column("loss")[first.step + 1 :]
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING if np.isfinite(later).any() else Severity.ERROR,
            title=f"all targets of the batch at step {first.step} are ignored: the loss is 0/0",
            rule=Rule.FACT,
            location=recording.location(culprit.site if site is not None else first.site),
            evidence=(
                Evidence(
                    "counted_targets", 0, ">= 1", f"no target of the batch at step {first.step} counts in the loss"
                ),
            ),
            treatments=treatments,
            explains=("divergence", "lr-too-high", "no-learning", "nan-from-op"),
            advice="check how labels are masked; skip batches without a label: if (labels != -100).any()",
        )
