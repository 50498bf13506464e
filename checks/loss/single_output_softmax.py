"""single-output-softmax: softmax over one number is always 1."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

READERS = (*sorted(trace.LOSSES), "sub", "__sub__", "rsub", "__rsub__", "log")


class SingleOutputSoftmax(Check):
    """Softmax is applied over a dimension of size 1.

    ## What it means
    Softmax makes numbers sum to 1. Over a single number the result is 1, whatever the number is.

    ## Why it hurts
    The prediction is the same for every input, and the gradient is exactly zero: nothing is learned.

    ## How it is proven
    From the shape that the softmax works on, on the way to the loss. The same loop is rerun with a sigmoid
    in its place.

    ## How to fix it
    One output for two classes: no softmax, and `BCEWithLogitsLoss`. Or two outputs and `CrossEntropyLoss`.

    ## Example
    Bad:

        nn.Sequential(nn.Linear(30, 1), nn.Softmax(dim=1))

    Good:

        nn.Sequential(nn.Linear(30, 1))      # with nn.BCEWithLogitsLoss()

    ## Known limits
    A softmax over one element inside of an attention layer is left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html>
    """

    name = "single-output-softmax"
    family = "loss"
    summary = "softmax over a dimension of size 1 is constantly 1"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A softmax over one element whose result reaches the loss."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, *READERS):
            for operand in loss.inputs[:2]:
                made = trace.maker(recording, operand)
                if made is not None and made.name == "softmax" and over_one(made):
                    return self._suspicion(recording, made)
        return None

    def _suspicion(self, recording: Recording, made: Operation) -> Suspicion:
        site = trace.site_of(made, "Softmax", "Softmax2d")
        args = trace.at_site(recording, made) | {"by": "sigmoid"}
        written = recording.site(site)
        swapped = {"function": "softmax", "to": "sigmoid"}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"softmax over one output ({made.inputs[0].shape}, dim {trace.normal_dim(made)}) is always 1",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "softmax_size", 1, ">= 2", f"softmax works along a dimension of size 1 of {made.inputs[0].shape}"
                ),
            ),
            treatments=(Treatment((Intervention("replace-function", "a sigmoid in its place", args),)),),
            explains=(
                "no-learning",
                "plateau",
                "lr-too-low",
                "vanishing-gradient",
                "output-collapse",
                "undertrained",
                "final-activation-range",
                "zero-grad-misplaced",
                "class-imbalance",
            ),
            advice="remove the softmax and use BCEWithLogitsLoss (with BCELoss: a sigmoid in its place)",
            edits=(Edit("swap-function", {"line": written.line} | swapped),) if written is not None else (),
        )


def over_one(op: Operation) -> bool:
    """Whether the dimension that ``op`` works along has one element, in a batch of more."""
    dim = trace.normal_dim(op)
    shape = op.inputs[0].shape if op.inputs else ()
    return dim is not None and 0 <= dim < len(shape) and len(shape) > 1 and shape[dim] == 1 and max(shape) > 1
