"""softmax-before-ce: probabilities where logits belong."""

from __future__ import annotations

import math

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording


class SoftmaxBeforeCe(Check):
    """A softmax stands before `CrossEntropyLoss`, which applies its own.

    ## What it means
    `CrossEntropyLoss` expects raw logits. Fed with probabilities, its logits are confined to [0, 1].

    ## Why it hurts
    The loss cannot fall below ln(1 + (C-1)/e) for C classes, gradients are tiny, and confident
    predictions stay out of reach.

    ## How it is proven
    The operand of the loss comes out of a softmax and its rows sum to 1. The same loop is rerun with the
    softmax left out, and both are judged by the likelihood of the same probabilities. Where that is no
    better, it is advice.

    ## How to fix it
    Return the logits from the model; apply the softmax only where probabilities are shown.

    ## Example
    Bad:

        return F.softmax(self.fc(x), dim=1)

    Good:

        return self.fc(x)

    ## Known limits
    `log_softmax` before the loss is harmless (it is idempotent) and left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
    """

    name = "softmax-before-ce"
    family = "loss"
    summary = "probabilities instead of logits are fed to CrossEntropyLoss"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The operand of cross-entropy was made by a softmax."""
        losses = [op for op in recording.facts.trace if op.name == "cross_entropy" and op.inputs]
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in losses:
            maker = made_by_softmax(recording, loss)
            if maker is not None:
                return self._suspicion(recording, loss, maker)
        return None

    def _suspicion(self, recording: Recording, loss: Operation, maker: Operation) -> Suspicion:
        classes = loss.inputs[0].shape[1] if len(loss.inputs[0].shape) > 1 else loss.inputs[0].shape[0]
        floor = math.log(1 + (classes - 1) / math.e)
        site = trace.site_of(maker, "Softmax", "Softmax2d")
        args = trace.at_site(recording, maker)
        place = recording.site(site)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"softmax before cross-entropy: with {classes} classes the loss cannot fall below {floor:.2f}",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "row_sums",
                    1.0,
                    "logits: any sum",
                    "every row that reaches cross-entropy is non-negative and sums to 1",
                ),
                Evidence("loss_floor", round(floor, 3), "0", f"lowest loss that probabilities can reach: {floor:.3f}"),
            ),
            treatments=(Treatment((Intervention("drop-function", "without the softmax", args),)),),
            explains=("plateau", "slow-learning", "lr-too-low", "vanishing-gradient", "no-learning", "undertrained"),
            advice="remove the softmax: cross-entropy applies its own; use it only to show probabilities",
            edits=(Edit("drop-activation", {"line": place.line, "name": "softmax"}),) if place is not None else (),
            metric="task_loss",
            needs_harm=True,
        )


def made_by_softmax(recording: Recording, loss: Operation) -> Operation | None:
    """The softmax whose result reaches ``loss``, through functions that only pass it on."""
    made = trace.maker(recording, loss.inputs[0])
    return made if made is not None and made.name == "softmax" and loss.inputs[0].row_sums_to_one else None
