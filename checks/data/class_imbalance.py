"""class-imbalance: the model answers everything with the majority class."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording, TaskFacts

MAJORITY = 0.9
"""Share of the most frequent label from which a constant answer looks good. With fewer, a model that knows the
frequencies and ranks well (clicks) answers by one class as well."""
ONE_CLASS = 0.99
"""Share of the predictions of a batch that are this label, where nothing else is answered."""
LEAST_BATCHES = 6
SHOWN = 10
MARGIN = 0.2
"""Least gain of the weighted loop over every other learning rate: from .50 to .60 in balanced accuracy of two
classes."""
LOSSES = ("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits", "binary_cross_entropy")


class ClassImbalance(Check):
    """One class is so frequent that the model learned to answer nothing else.

    ## What it means
    With 95 % of the labels equal, always giving that label is 95 % right and close to the lowest loss that a model
    finds early on.

    ## Why it hurts
    Accuracy looks excellent and no sample of the rare classes is ever found.

    ## How it is proven
    Every prediction at the end is the majority class. The same loop is rerun with each class weighted by the inverse
    of its frequency. Both are judged by the error averaged over classes (one minus the balanced accuracy), which no
    weight in the loss changes. The weighted loop has to beat the best run at any learning rate, and still to be
    better at the end of what was watched.

    ## How to fix it
    `CrossEntropyLoss(weight=...)`, `BCEWithLogitsLoss(pos_weight=negatives / positives)`, or a
    `WeightedRandomSampler`; and look at recall or balanced accuracy instead of accuracy.

    ## Example
    Bad:

        criterion = nn.BCEWithLogitsLoss()                               # 5 % positives

    Good:

        criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(19.0))

    ## Known limits
    Whether rare classes matter is for you to say; where only calibrated probabilities count, a lower threshold does as
    well. A model that finds the rare classes by itself is left in peace, however rare they are.

    ## References
    - King and Zeng, Logistic Regression in Rare Events Data, 2001
    """

    name = "class-imbalance"
    family = "data"
    summary = "all predictions are the majority class"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Label frequencies against what was predicted at the end."""
        task, targets = recording.facts.task, recording.facts.signals.targets
        if task is None or not targets.batches:
            raise NotChecked("no targets were seen")
        shares = self._shares(recording, task)
        if len(shares) < 2 or task.loss_name not in LOSSES or len(targets.batches) < LEAST_BATCHES:
            return None
        # Of a batch without any rare sample, one class throughout is the right answer.
        mixed = [b for b in targets.batches if (b.entropy or 0.0) > 0]
        if not mixed:
            return None
        top, last = max(shares, key=lambda k: shares[k]), mixed[-1]
        if not shares[top] >= MAJORITY or last.predicted != top or not (last.predicted_share or 0.0) >= ONE_CLASS:
            return None
        return self._suspicion(recording, task, shares, top)

    def _shares(self, recording: Recording, task: TaskFacts) -> dict[int, float]:
        targets = recording.facts.signals.targets
        if task.kind == "class":
            joint = sum(targets.counts.values())
            return {int(k): n / joint for k, n in targets.counts.items()} if joint else {}
        mean = targets.mean
        inside = targets.minimum is not None and targets.minimum >= 0 and (targets.maximum or 0.0) <= 1
        return {0: 1 - mean, 1: mean} if task.kind == "binary" and mean is not None and inside else {}

    def _suspicion(self, recording: Recording, task: TaskFacts, shares: dict[int, float], top: int) -> Suspicion | None:
        site = recording.site(task.loss_site)
        if site is None:
            return None
        weights = (
            [1.0, shares[0] / max(shares[1], 1e-6)]
            if task.kind == "binary"
            else [1 / (len(shares) * shares[k]) if shares.get(k) else 1.0 for k in range(task.classes)]
        )
        args = {"function": task.loss_name, "path": site.path, "line": site.line, "weights": weights}
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"every prediction is class {top}, which {shares[top]:.1%} of the labels are",
            rule=Rule.KNOB,
            location=recording.location(task.loss_site),
            evidence=(
                Evidence(
                    "majority_share",
                    round(shares[top], 4),
                    f"< {MAJORITY}",
                    f"{shares[top]:.1%} of the labels are {top}",
                ),
                Evidence("predicted_classes", 1, str(len(shares)), f"only class {top} was predicted at the end"),
            ),
            treatments=(Treatment((Intervention("weight-classes", "classes weighted by frequency", args),)),),
            explains=("plateau", "no-learning", "undertrained"),
            advice=f"{_remedy(task, weights)}, or use a WeightedRandomSampler; watch recall, not accuracy",
            metric="balanced_error",
            margin=MARGIN,
            lasting=True,
        )


def _remedy(task: TaskFacts, weights: list[float]) -> str:
    """How this loss takes weights."""
    if task.loss_name == "binary_cross_entropy":
        return f"weigh the positives {weights[1]:.3g} times in the loss (BCEWithLogitsLoss has pos_weight)"
    if task.kind == "binary":
        return f"weigh the positives in the loss (pos_weight=torch.tensor({weights[1]:.3g}))"
    shown = ", ".join(f"{w:.3g}" for w in weights[:SHOWN]) + ", ..." * (len(weights) > SHOWN)
    return f"weigh the classes in the loss (weight=torch.tensor([{shown}]))"
