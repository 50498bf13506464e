"""nll-without-log: NLLLoss without log-probabilities."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

POSITIVE = 1e-3
"""A log-probability is at most 0; this much is left to rounding."""


class NllWithoutLog(Check):
    """`NLLLoss` is given probabilities or raw outputs.

    ## What it means
    `NLLLoss` only picks the entry of the right class and flips its sign: it expects log-probabilities.

    ## Why it hurts
    With probabilities the loss lies between -1 and 0 and hardly punishes wrong answers. With raw outputs it
    has no lower bound: the outputs just grow.

    ## How it is proven
    The operand of the loss has positive values, or rows that sum to 1: these are no log-probabilities. The
    same loop is rerun with the logarithm in place, and both are judged by the likelihood of the labels.

    ## How to fix it
    End the model in `log_softmax(dim=1)`, or drop the softmax and use `CrossEntropyLoss`.

    ## Example
    Bad:

        loss = F.nll_loss(model(x).softmax(1), y)

    Good:

        loss = F.cross_entropy(model(x), y)

    ## Known limits
    Log-probabilities that are scaled on purpose (focal loss) stay at or below 0 and are left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html>
    """

    name = "nll-without-log"
    family = "loss"
    summary = "NLLLoss is fed probabilities or raw outputs instead of log-probabilities"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """An operand of nll_loss with positive values."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, "nll_loss"):
            operand = loss.inputs[0]
            known = operand.maximum is not None and operand.derived
            if known and not operand.log_rows and not (operand.maximum or 0.0) <= POSITIVE:
                return self._suspicion(recording, loss)
        return None

    def _suspicion(self, recording: Recording, loss: Operation) -> Suspicion:
        operand = loss.inputs[0]
        how = "log" if operand.row_sums_to_one else "log_softmax"
        what = "probabilities" if how == "log" else "raw outputs"
        args = trace.at_site(recording, loss) | {"operand": 0, "how": how}
        made = trace.maker(recording, operand) if how == "log" else loss
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"NLLLoss is fed {what} (up to {operand.maximum:.3g}), not log-probabilities",
            rule=Rule.FACT,
            location=recording.location(loss.site),
            evidence=(
                Evidence(
                    "operand_maximum",
                    round(operand.maximum or 0.0, 4),
                    "<= 0",
                    f"values from {operand.minimum:.3g} to {operand.maximum:.3g} reach the loss",
                ),
            ),
            treatments=(Treatment((Intervention("transform-operand", f"{how} before the loss", args),)),),
            explains=(
                "divergence",
                "plateau",
                "slow-learning",
                "no-learning",
                "lr-too-low",
                "lr-too-high",
                "undertrained",
                "sign-flipped",
                "exploding-gradient",
            ),
            advice="replace the softmax by log_softmax(dim=1)"
            if how == "log"
            else "use CrossEntropyLoss, or log_softmax(dim=1) before NLLLoss",
            edits=_swapped(recording, made),
            metric="task_loss",
            needs_harm=True,
        )


def _swapped(recording: Recording, made: Operation | None) -> tuple[Edit, ...]:
    """Cross-entropy for raw outputs, log_softmax for a softmax."""
    other = {"nll_loss": "cross_entropy", "softmax": "log_softmax"}.get(made.name if made is not None else "")
    place = recording.site(made.site) if made is not None else None
    if made is None or other is None or place is None:
        return ()
    return (Edit("swap-function", {"line": place.line, "function": made.name, "to": other}),)
