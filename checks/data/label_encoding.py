"""label-encoding: the labels do not fit the outputs."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Targets

LEAST_BATCHES = 6
CAST, ROUNDED = 4, 0.7
"""Labels that were scaled to 0 to 1 and cast to integers: of this many classes or more, only the highest one becomes 1,
and at least this share 0."""
FEW = 3
"""At least this many times more outputs than labels is odd."""
PASSING = {"view", "reshape", "squeeze", "flatten", "float", "transpose", "permute", "contiguous", "log_softmax", "to"}
AFFINE = {"linear", "addmm", "conv1d", "conv2d", "matmul", "__matmul__", "mm"}


class LabelEncoding(Check):
    """The labels do not fit the outputs of the model.

    ## What it means
    All labels are the same number, or only a few of the outputs ever occur as a label. Typical: labels that were
    normalised and then cast with `.long()` (all become 0), one-hot rows reduced with the wrong `argmax`, labels
    counted from 1 with an extra output for 0.

    ## Why it hurts
    With a single label the loss falls to 0 and the model has learned to say it. With a few, most of what was to be
    told apart is gone before the model sees it.

    ## How it is proven
    By counting the labels that met the outputs.

    ## How to fix it
    Print `torch.unique(y)` where the labels are made: integers 0 to C-1, each of them present.

    ## Example
    Bad:

        y = (y / 9).long()                    # 0, ..., 0, 1

    Good:

        y = y.long()

    ## Known limits
    Labels that lie outside of what the outputs allow raise an exception, which `script-crashed` explains. Only a
    sample of the batches is counted.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
    """

    name = "label-encoding"
    family = "data"
    summary = "all labels are equal, or most outputs never occur as a label"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """How many of the outputs occur among the labels."""
        task, targets = recording.facts.task, recording.facts.signals.targets
        if task is None or not targets.batches:
            raise NotChecked("no targets were seen")
        if task.kind != "class" or len(targets.batches) < LEAST_BATCHES or not targets.counts or task.classes < 2:
            return None
        if not _from_affine_layer(recording):
            return None
        present = sorted(int(label) for label in targets.counts)
        if len(present) == 1:
            return self._single(recording, targets, present[0], task.classes)
        total = sum(targets.counts.values())
        if present == [0, 1] and task.classes >= CAST and targets.counts["0"] >= ROUNDED * total:
            return self._cast(recording, targets, task.classes)
        if task.classes >= 5 and len(present) * FEW <= task.classes:
            return self._few(recording, present, task.classes)
        if present[0] == 1 and len(present) == task.classes - 1 and present[-1] == task.classes - 1:
            return self._few(recording, present, task.classes)
        return None

    def _single(self, recording: Recording, targets: Targets, label: int, classes: int) -> Suspicion:
        task = recording.facts.task
        count = sum(targets.counts.values())
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"every label is {label}: there is nothing to tell apart for {classes} outputs",
            rule=Rule.FACT,
            location=recording.location(task.loss_site if task is not None else -1),
            evidence=(
                Evidence(
                    "labels",
                    1,
                    f"{classes}",
                    f"all of {count} labels from {len(targets.batches)} batches equal {label}",
                ),
            ),
            explains=("undertrained", "plateau", "class-imbalance", "lr-too-low", "lr-too-high", "no-shuffle-sorted"),
            advice="print torch.unique(y) where the labels are made: normalised labels cast with .long() all become 0",
        )

    def _cast(self, recording: Recording, targets: Targets, classes: int) -> Suspicion:
        task = recording.facts.task
        zeros, total = targets.counts["0"], sum(targets.counts.values())
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"{zeros / total:.0%} of the labels are 0 and the others 1, but the model has {classes} outputs: "
            "this is what labels become that are scaled to 0 to 1 and then cast to integers",
            rule=Rule.NOTE,
            location=recording.location(task.loss_site if task is not None else -1),
            evidence=(Evidence("labels", 2, str(classes), f"{zeros} of {total} labels are 0, the others 1"),),
            explains=("overfitting", "class-imbalance"),
            advice="print torch.unique(y) where the labels are made, and take them from before the scaling",
            confidence=Confidence.LIKELY,
        )

    def _few(self, recording: Recording, present: list[int], classes: int) -> Suspicion:
        task = recording.facts.task
        shown = ", ".join(map(str, present[:6]))
        missing = "label 0 never occurs" if present[0] == 1 else f"only the labels {shown} occur"
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"{missing}, but the model has {classes} outputs",
            rule=Rule.NOTE,
            location=recording.location(task.loss_site if task is not None else -1),
            evidence=(Evidence("labels", len(present), str(classes), f"labels seen: {shown}; outputs: {classes}"),),
            advice="check how the labels are made (print torch.unique(y)), or make the last layer narrower",
            confidence=Confidence.POSSIBLE,
        )


def _from_affine_layer(recording: Recording) -> bool:
    """The logits come out of a layer with a bias or weight, and not from similarities (contrastive losses)."""
    trace = recording.facts.trace
    losses = [op for op in trace if op.name in ("cross_entropy", "nll_loss") and op.inputs]
    if not losses:
        return False
    origin = losses[-1].inputs[0].origin
    for _ in range(8):
        if not 0 <= origin < len(trace):
            return False
        maker = trace[origin]
        if maker.name in AFFINE:
            return any(operand.parameter for operand in maker.inputs)
        if maker.name not in PASSING or not maker.inputs:
            return False
        origin = maker.inputs[0].origin
    return False
