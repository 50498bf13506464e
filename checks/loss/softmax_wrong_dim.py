"""softmax-wrong-dim: softmax over the batch or over time."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operand, Operation, Recording

BY_CLASS = ("nll_loss", "cross_entropy")
BY_ROW = ("kl_div", "mse_loss", "binary_cross_entropy", "l1_loss")
LEAST_AXES = 3
"""Axes of weights within a model: with two, samples may be compared on purpose."""
PASSING = trace.PASSING - {"__getitem__"}
MODULES = ("Softmax", "LogSoftmax", "Softmax2d")


class SoftmaxWrongDim(Check):
    """(Log-)softmax is taken over another dimension than the classes.

    ## What it means
    With `dim=0` the samples of a batch share one probability, with the time dimension the positions do. The same
    happens to the weights of an attention that are normalised over the batch. Without `dim`, torch takes dimension 0
    for tensors of one or three dimensions.

    ## Why it hurts
    A prediction depends on the rest of the batch, and no class is ever compared with another. It often
    half-learns, and then fails on other batch sizes.

    ## How it is proven
    What reaches the loss was made by a softmax but does not sum to 1 over the classes. The same loop is rerun
    with the right dimension, and both are judged by the likelihood of the labels; where that is no better, it
    is advice.

    ## How to fix it
    Give `dim=1` for (N, C) and (N, C, ...), `dim=-1` where classes stand last; or use `CrossEntropyLoss`
    without a softmax.

    ## Example
    Bad:

        F.log_softmax(self.fc(x), dim=0)

    Good:

        F.log_softmax(self.fc(x), dim=1)

    ## Known limits
    Only a softmax whose result goes to the loss is looked at, so attention over any dimension is left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html>
    """

    name = "softmax-wrong-dim"
    family = "loss"
    summary = "softmax over the batch or over time instead of over the classes"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A softmax on the way to the loss whose result is not normalised over the classes."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, *BY_CLASS, *BY_ROW):
            operand = loss.inputs[0]
            if len(operand.shape) < 2 or min(operand.shape[:2]) < 2 or operand.minimum is None:
                continue
            if loss.name in BY_ROW and len(operand.shape) != 2:
                continue
            made = trace.maker(recording, operand, PASSING)
            if made is None or made.name not in ("softmax", "log_softmax") or normalised(made, operand):
                continue
            if made.inputs[0].shape != operand.shape or trace.normal_dim(made) != 1:
                return self._suspicion(recording, made, operand)
        return self._weights(recording)

    def _weights(self, recording: Recording) -> Suspicion | None:
        """Weights within the model (of attention, of a mixture) that are normalised over the samples of the batch."""
        batches = {
            i.shape[0] for loss in trace.loss_calls(recording, *trace.LOSSES) for i in loss.inputs[:2] if i.shape
        }
        for index in trace.ancestors(recording):
            made = recording.facts.trace[index]
            if made.name != "softmax" or made.phase != "forward" or not made.inputs or trace.normal_dim(made) != 0:
                continue
            shape = made.inputs[0].shape
            wanted = next((i for i in reversed(range(1, len(shape))) if shape[i] > 1), 0)
            if len(shape) >= LEAST_AXES and wanted and shape[0] in batches and shape[0] not in shape[1:]:
                return self._normalised(
                    recording,
                    made,
                    wanted,
                    f"{made.name} of {shape} is taken over the samples of the batch: the weights of one sample "
                    "depend on the others",
                    f"the {shape[0]} samples of the batch share weights that sum to 1",
                )
        return None

    def _suspicion(self, recording: Recording, made: Operation, operand: Operand) -> Suspicion:
        dim = trace.normal_dim(made)
        wanted = 1 if made.inputs[0].shape == operand.shape else -1
        what = "the samples of the batch" if dim == 0 else f"dimension {dim}"
        title = f"{made.name} of {made.inputs[0].shape} is taken over {what}, not over the classes"
        text = f"what reaches the loss does not sum to 1 over its {operand.shape[1]} classes"
        return self._normalised(recording, made, wanted, title, text)

    def _normalised(self, recording: Recording, made: Operation, wanted: int, title: str, text: str) -> Suspicion:
        site = trace.site_of(made, *MODULES)
        place = recording.site(site)
        args = trace.at_site(recording, made) | {"arg": "dim", "position": 1, "value": wanted}
        function = made.layer if site != made.site else made.name
        edit = {"arg": "dim", "value": wanted, "function": function, "line": place.line if place else 0}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=title,
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "softmax_dim",
                    trace.normal_dim(made),
                    str(wanted),
                    text,
                ),
            ),
            treatments=(Treatment((Intervention("set-function-argument", f"dim={wanted}", args),)),),
            explains=(
                "plateau",
                "slow-learning",
                "no-learning",
                "lr-too-low",
                "lr-too-high",
                "undertrained",
                "overfitting",
                "output-collapse",
            ),
            advice=f"give {made.name} dim={wanted}",
            edits=(Edit("set-call-arg", edit),) if place is not None else (),
            metric="task_loss",
            needs_harm=True,
        )


def normalised(made: Operation, operand: Operand) -> bool:
    """Whether the operand sums to 1 over its class dimension, as probabilities or as their logarithms."""
    return operand.row_sums_to_one if made.name == "softmax" else operand.log_rows
