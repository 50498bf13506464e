"""bce-target-out-of-range: targets of a binary cross-entropy outside [0, 1]."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

SLACK = 1e-3
"""Rounding that label smoothing and half precision may bring."""


class BceTargetOutOfRange(Check):
    """Targets of a binary cross-entropy lie outside [0, 1].

    ## What it means
    `BCEWithLogitsLoss` expects the probability of the positive class. It does not check: masks of 0 and 255, labels
    -1 and 1, or 1 and 2 go through.

    ## Why it hurts
    The loss has no lower bound: it falls to minus infinity while the outputs run away, and the model answers
    everything with one class.

    ## How it is proven
    From the targets that met the loss. The same loop is rerun with targets moved into [0, 1].

    ## How to fix it
    Map the targets: `(y > 0).float()`, `mask / 255`, `(y + 1) / 2` or `y - 1`.

    ## Example
    Bad:

        loss = bce(logits, mask.float())             # 0 and 255

    Good:

        loss = bce(logits, (mask > 0).float())

    ## Known limits
    Targets slightly outside by rounding are left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>
    """

    name = "bce-target-out-of-range"
    family = "data"
    summary = "targets of a binary cross-entropy outside [0, 1]: the loss has no lower bound"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Range of the targets of a binary loss."""
        task, targets = recording.facts.task, recording.facts.signals.targets
        if task is None or targets.minimum is None or targets.maximum is None:
            raise NotChecked("no finite targets were seen")
        low, high = targets.minimum, targets.maximum
        if task.kind != "binary" or (low >= -SLACK and high <= 1 + SLACK):
            return None
        site = recording.site(task.loss_site)
        treatments: tuple[Treatment, ...] = ()
        if site is not None and high > low:
            args = {"function": task.loss_name, "path": site.path, "line": site.line, "shift": low, "scale": high - low}
            moved = Intervention("rescale-targets", "targets moved into [0, 1]", args | {"restore": False})
            treatments = (Treatment((moved,)),)
        how = {(-1.0, 1.0): "(y + 1) / 2", (1.0, 2.0): "y - 1", (0.0, 255.0): "y / 255"}
        edits: tuple[Edit, ...] = ()
        if site is not None and (low, high) in how:
            mapped = how[low, high].replace("y", "{}")
            edits = (
                Edit("change-operand", {"line": site.line, "function": "loss", "operand": "target", "how": mapped}),
            )
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"targets of the binary cross-entropy lie between {low:g} and {high:g}: the loss has no lower bound",
            rule=Rule.FACT,
            location=recording.location(task.loss_site),
            evidence=(
                Evidence(
                    "targets",
                    f"{low:g} to {high:g}",
                    "0 to 1",
                    f"targets from {low:g} to {high:g} met {task.loss_name}",
                ),
            ),
            treatments=treatments,
            explains=(
                "divergence",
                "lr-too-high",
                "lr-too-low",
                "sign-flipped",
                "no-learning",
                "unscaled-targets",
                "dead-relu",
            ),
            advice=f"map the targets into [0, 1]: {how.get((low, high), '(y > 0).float()')}",
            edits=edits,
            metric="task_loss",
        )
