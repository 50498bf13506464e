"""wrong-loss-for-task: the targets are of another kind than the loss is made for."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Operation, Recording

SEVERAL = 1.5
"""Sum of a row of zeros and ones above which more than one label is set; soft labels sum to 1."""
SIGNED = ("soft_margin_loss", "hinge_embedding_loss")


class WrongLossForTask(Check):
    """The targets are of another kind than the loss is made for.

    ## What it means
    `CrossEntropyLoss` makes classes compete for one probability, so it cannot give several labels of one
    sample a high probability each. Hinge-like losses expect labels of -1 and 1.

    ## Why it hurts
    Several labels: the best the model can do is to share the probability among them. Labels of 0 where -1 is
    meant: the samples of that class do not count.

    ## How it is proven
    From the targets: rows of zeros and ones with several ones, or labels of 0 and 1 for a loss of -1 and 1.

    ## How to fix it
    Several labels for each sample: `BCEWithLogitsLoss`. Hinge-like losses: `y * 2 - 1`.

    ## Example
    Bad:

        loss = nn.CrossEntropyLoss()(model(x), multi_hot)

    Good:

        loss = nn.BCEWithLogitsLoss()(model(x), multi_hot)

    ## Known limits
    Only these clear cases are named. Soft labels, mixup and label smoothing are left in peace, as is
    BCE on one-hot targets, which works.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>
    """

    name = "wrong-loss-for-task"
    family = "loss"
    summary = "the targets are of another kind than the loss is made for"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Several labels in cross-entropy, or labels of 0 and 1 in a loss of signs."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, "cross_entropy", *SIGNED):
            if len(loss.inputs) < 2:
                continue
            target = loss.inputs[1]
            zero_one = target.distinct == 2 and target.minimum == 0.0 and target.maximum == 1.0
            if not zero_one:
                continue
            if loss.name in SIGNED:
                return self._suspicion(
                    recording, loss, "expects labels of -1 and 1 and gets 0 and 1", "use y * 2 - 1 as the target"
                )
            same = target.shape == loss.inputs[0].shape and target.row_sums is not None
            if same and target.row_sums is not None and not target.row_sums[1] <= SEVERAL:
                return self._suspicion(
                    recording,
                    loss,
                    f"gets targets with up to {target.row_sums[1]:.0f} labels for one sample",
                    "use BCEWithLogitsLoss, which treats every label on its own",
                    to="binary_cross_entropy_with_logits",
                )
        return None

    def _suspicion(self, recording: Recording, loss: Operation, what: str, advice: str, to: str = "") -> Suspicion:
        sums = loss.inputs[1].row_sums
        place = recording.site(loss.site)
        swapped = {"line": place.line if place is not None else 0, "function": loss.name, "to": to}
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"{loss.name} {what}",
            rule=Rule.FACT,
            location=recording.location(loss.site),
            evidence=(
                Evidence(
                    "labels_per_sample",
                    f"{sums[0]:.0f} to {sums[1]:.0f}" if sums is not None else "0 and 1",
                    "one" if sums is not None else "-1 and 1",
                    f"{loss.name} {what}",
                ),
            ),
            explains=("plateau", "slow-learning", "no-learning", "lr-too-low", "undertrained", "output-collapse"),
            advice=advice,
            edits=(Edit("swap-function", swapped),) if to and place is not None else (),
        )
