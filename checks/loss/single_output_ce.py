"""single-output-ce: cross-entropy over one class is always 0."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Operation, Recording


class SingleOutputCe(Check):
    """`CrossEntropyLoss` is given one logit for each sample.

    ## What it means
    Cross-entropy compares the logits of at least two classes. With one, its softmax is 1 and the loss is 0.

    ## Why it hurts
    The loss is exactly 0 from the first step, and so is every gradient.

    ## How it is proven
    From the shape of the logits: one class.

    ## How to fix it
    For two classes: two outputs, or keep the single one and use `BCEWithLogitsLoss` with float targets of
    the same shape.

    ## Example
    Bad:

        loss = nn.CrossEntropyLoss()(nn.Linear(30, 1)(x), y)

    Good:

        loss = nn.BCEWithLogitsLoss()(nn.Linear(30, 1)(x).squeeze(1), y.float())

    ## Known limits
    None known.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
    """

    name = "single-output-ce"
    family = "loss"
    summary = "cross-entropy over a single logit is always 0"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Cross-entropy whose class dimension has one element."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, "cross_entropy", "nll_loss"):
            shape = loss.inputs[0].shape
            if len(shape) > 1 and shape[1] == 1 and loss.inputs[0].derived:
                return self._suspicion(recording, loss)
        return None

    def _suspicion(self, recording: Recording, loss: Operation) -> Suspicion:
        place = recording.site(loss.site)
        better = {"function": loss.name, "to": "binary_cross_entropy_with_logits"}
        edits = [Edit("swap-function", {"line": place.line} | better)] if place is not None else []
        target = loss.inputs[1] if len(loss.inputs) > 1 else None
        if place is not None and target is not None:
            at = {"line": place.line, "function": "loss", "operand": "target"}
            shaped = "" if target.shape == loss.inputs[0].shape else ".unsqueeze(1)"
            how = f"{{}}{shaped}" + ("" if "float" in target.dtype else ".float()")
            edits += [Edit("change-operand", at | {"how": how})] if how != "{}" else []
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{loss.name} over one class: with logits of shape {loss.inputs[0].shape} the loss is always 0",
            rule=Rule.FACT,
            location=recording.location(loss.site),
            evidence=(Evidence("classes", 1, ">= 2", f"the logits have shape {loss.inputs[0].shape}"),),
            explains=(
                "no-learning",
                "plateau",
                "lr-too-low",
                "vanishing-gradient",
                "output-collapse",
                "undertrained",
                "zero-grad-misplaced",
                "label-encoding",
                "class-imbalance",
            ),
            advice="use BCEWithLogitsLoss with float targets of the output's shape, or as many outputs as classes",
            edits=tuple(edits),
        )
