"""kldiv-without-log: KLDivLoss without log-probabilities."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

POSITIVE = 1e-3
"""A log-probability is at most 0; this much is left to rounding."""


class KldivWithoutLog(Check):
    """The first operand of `KLDivLoss` is no log-probability.

    ## What it means
    `kl_div(input, target)` expects `input` in log-space and `target` as probabilities.

    ## Why it hurts
    With probabilities in the first place, the result is no divergence: it is negative, and its gradient does
    not pull the two distributions together.

    ## How it is proven
    The first operand has positive values. The same loop is rerun with its logarithm, and both are judged by
    the cross-entropy of the two distributions.

    ## How to fix it
    `F.kl_div(F.log_softmax(student, dim=1), F.softmax(teacher, dim=1), reduction="batchmean")`.

    ## Example
    Bad:

        F.kl_div(student.softmax(1), teacher.softmax(1), reduction="batchmean")

    Good:

        F.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="batchmean")

    ## Known limits
    None known.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html>
    """

    name = "kldiv-without-log"
    family = "loss"
    summary = "the first operand of KLDivLoss is not in log-space"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A first operand of kl_div with positive values."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, "kl_div"):
            operand = loss.inputs[0]
            if operand.maximum is not None and operand.derived and not operand.maximum <= POSITIVE:
                return self._suspicion(recording, loss)
        return None

    def _suspicion(self, recording: Recording, loss: Operation) -> Suspicion:
        operand = loss.inputs[0]
        low, high = operand.minimum or 0.0, operand.maximum or 0.0
        how = "log" if low >= 0 and high <= 1 + POSITIVE else "log_softmax"
        args = trace.at_site(recording, loss) | {"operand": 0, "how": how}
        logs = "{}.log()" if how == "log" else "{}.log_softmax(dim=1)"
        written = {"line": args["line"], "function": "loss", "operand": "input", "how": logs}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"kl_div expects log-probabilities first, and gets values from {low:.3g} to {high:.3g}",
            rule=Rule.FACT,
            location=recording.location(loss.site),
            evidence=(
                Evidence("operand_maximum", round(high, 4), "<= 0", f"values from {low:.3g} to {high:.3g} come first"),
            ),
            treatments=(Treatment((Intervention("transform-operand", f"{how} of the first operand", args),)),),
            explains=(
                "plateau",
                "slow-learning",
                "no-learning",
                "lr-too-low",
                "lr-too-high",
                "undertrained",
                "divergence",
                "sign-flipped",
            ),
            advice="use log_softmax instead of softmax for the first operand",
            edits=(Edit("change-operand", written),),
            metric="task_loss",
            needs_harm=True,
        )
