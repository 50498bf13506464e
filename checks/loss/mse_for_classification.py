"""mse-for-classification: squared error on probabilities."""

from __future__ import annotations

import math

from sgd_doctor import stats, trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operand, Operation, Recording

LEARNED = 0.5
"""Below this share of the error of the best constant answer, squared error does its work."""


class MseForClassification(Check):
    """Squared error is used on softmax or sigmoid outputs with labels of 0 and 1.

    ## What it means
    The gradient of squared error is multiplied by the slope of the sigmoid or softmax, which vanishes for
    confident answers, right or wrong.

    ## Why it hurts
    Training starts slowly and gets stuck near the answer "all classes alike", an error of (1/C)(1 - 1/C).

    ## How it is proven
    Outputs of a softmax or sigmoid meet targets of 0 and 1 in `mse_loss`, and the error hardly falls. The
    same loop is rerun with the gradient of cross-entropy, and both are judged by the squared error itself;
    where that is no better, it is advice.

    ## How to fix it
    `CrossEntropyLoss` on raw outputs and class numbers; for two classes `BCEWithLogitsLoss`.

    ## Example
    Bad:

        loss = F.mse_loss(model(x).softmax(1), F.one_hot(y, 10).float())

    Good:

        loss = F.cross_entropy(model(x), y)

    ## Known limits
    Squared error on probabilities (the Brier score) works at a fitting learning rate: where it learns, nothing
    is said. Images with pixels of 0 and 1 are no classes.

    ## References
    - Golik et al., Cross-entropy vs. squared error training, 2013
    """

    name = "mse-for-classification"
    family = "loss"
    summary = "squared error on softmax or sigmoid outputs learns slowly or not at all"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """mse_loss of probabilities against labels of 0 and 1, without success."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, "mse_loss"):
            if len(loss.inputs) < 2:
                continue
            output, target = loss.inputs[0], loss.inputs[1]
            made = trace.maker(recording, output)
            if made is None or made.name not in ("softmax", "sigmoid") or target.derived:
                continue
            if zero_one(target) and classes(output, target) and not learned(recording):
                return self._suspicion(recording, loss, made)
        return None

    def _suspicion(self, recording: Recording, loss: Operation, made: Operation) -> Suspicion:
        by = "categorical" if made.name == "softmax" else "binary"
        better = "CrossEntropyLoss" if by == "categorical" else "BCEWithLogitsLoss"
        args = trace.at_site(recording, loss) | {"by": by}
        better_loss = "cross_entropy" if by == "categorical" else "binary_cross_entropy_with_logits"
        drawn = recording.site(trace.site_of(made, "Softmax", "Sigmoid"))
        edits: tuple[Edit, ...] = ()
        if drawn is not None:
            edits = (
                Edit("swap-function", {"line": args["line"], "function": loss.name, "to": better_loss}),
                Edit("drop-activation", {"line": drawn.line, "name": made.name}),
            )
        end = stats.finite_mean(stats.tail(recording.column("loss")))
        shown = f"{end:.3g}" if math.isfinite(end) else "not finite"
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"squared error on {made.name} outputs for labels of 0 and 1: it stays at {shown}",
            rule=Rule.FACT,
            location=recording.location(loss.site),
            evidence=(
                Evidence("targets", "0 and 1", "real numbers", f"the targets are labels, the outputs a {made.name}"),
            ),
            treatments=(Treatment((Intervention("swap-gradient", "the gradient of cross-entropy", args),)),),
            explains=(
                "plateau",
                "slow-learning",
                "no-learning",
                "lr-too-low",
                "undertrained",
                "vanishing-gradient",
                "saturation",
                "output-collapse",
            ),
            advice=f"use {better} on the raw outputs, without the {made.name}",
            edits=edits,
            needs_harm=True,
        )


def zero_one(target: Operand) -> bool:
    """Whether the target holds zeros and ones only."""
    return target.distinct == 2 and target.minimum == 0.0 and target.maximum == 1.0


def classes(output: Operand, target: Operand) -> bool:
    """One output for each sample, or one-hot rows: not an image of zeros and ones."""
    if output.shape != target.shape:
        return False
    single = len(output.shape) <= 1 or (len(output.shape) == 2 and output.shape[1] == 1)
    return single or target.row_sums == (1.0, 1.0)


def learned(recording: Recording) -> bool:
    """Whether the error fell clearly below that of the best constant answer."""
    task = recording.facts.task
    loss = recording.column("loss")
    start = stats.finite_mean(loss[:3])
    reference = task.trivial_loss if task is not None and task.trivial_loss else start
    return stats.finite_mean(stats.tail(loss)) < LEARNED * reference
