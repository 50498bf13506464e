"""wrong-loss-for-task: the targets are of another kind than the loss is made for."""

from __future__ import annotations

import msgspec

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

SEVERAL = 1.5
"""Sum of a row of zeros and ones above which more than one label is set; soft labels sum to 1."""
BY_SIGMOID = {"by": "sigmoid"}
SIGNED = ("soft_margin_loss", "hinge_embedding_loss")


class WrongLossForTask(Check):
    """The targets are of another kind than the loss is made for.

    ## What it means
    `CrossEntropyLoss`, and a softmax before `BCELoss`, make classes compete for one probability, so they cannot give
    several labels of one sample a high probability each. Hinge-like losses expect labels of -1 and 1.

    ## Why it hurts
    Several labels: the best the model can do is to share the probability among them. Labels of 0 where -1 is
    meant: the samples of that class do not count.

    ## How it is proven
    From the targets: rows of zeros and ones with several ones, or labels of 0 and 1 for a loss of -1 and 1. A softmax
    is replaced by a sigmoid in a rerun; where that is no better, it is advice.

    ## How to fix it
    Several labels for each sample: `BCEWithLogitsLoss` on the scores, without a softmax. Hinge-like losses:
    `y * 2 - 1`.

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
        return self._shared_out(recording)

    def _shared_out(self, recording: Recording) -> Suspicion | None:
        """A softmax whose probabilities meet several labels of one sample."""
        for loss in trace.loss_calls(recording, "binary_cross_entropy"):
            if len(loss.inputs) < 2 or not loss.inputs[0].row_sums_to_one:
                continue
            sums, made = loss.inputs[1].row_sums, trace.maker(recording, loss.inputs[0])
            if sums is None or not sums[1] > SEVERAL or made is None or made.name != "softmax":
                continue
            change = Intervention(
                "replace-function", "sigmoid for softmax", trace.at_site(recording, made) | BY_SIGMOID
            )
            found = self._suspicion(
                recording,
                loss,
                f"gets probabilities from a softmax, which sum to 1, for up to {sums[1]:.0f} labels of one sample",
                "use a sigmoid instead of the softmax, or BCEWithLogitsLoss on the scores themselves",
            )
            site = recording.location(trace.site_of(made, "Softmax"))
            return msgspec.structs.replace(
                found, location=site, treatments=(Treatment((change,)),), metric="task_loss", needs_harm=True
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
