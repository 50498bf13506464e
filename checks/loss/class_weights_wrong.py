"""class-weights-wrong: frequent classes weigh more."""

from __future__ import annotations

import numpy as np

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Array, Recording

LEAST_LABELS = 50
IMBALANCE = 2.0
"""The most frequent class has at least so many times the samples of the rarest."""
INVERTED = 1.5
"""The most frequent class weighs at least so many times what the rarest does."""
AGREEMENT = 0.3
"""Correlation of log weight and log frequency above which weights rise with the frequency."""


class ClassWeightsWrong(Check):
    """The class weights of the loss favour the frequent classes.

    ## What it means
    Weights are there to make up for rare classes, so they fall with the frequency. Here they rise: counts
    were used where their inverse was meant, or the order of the classes is mixed up.

    ## Why it hurts
    The imbalance is doubled: predicting the frequent classes becomes a still better answer.

    ## How it is proven
    From the weights and the labels that were counted while training. The same loop is rerun without weights,
    and both are judged by the likelihood of the labels; where that is no better, it is advice.

    ## How to fix it
    `weight = counts.sum() / (len(counts) * counts)`, in the order of the class numbers; for
    `BCEWithLogitsLoss`, `pos_weight = negatives / positives`.

    ## Example
    Bad:

        nn.CrossEntropyLoss(weight=counts / counts.sum())

    Good:

        nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))

    ## Known limits
    Classes with weight 0 (padding, background) are left out.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
    """

    name = "class-weights-wrong"
    family = "loss"
    summary = "class weights rise with the frequency of the class instead of falling"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Weights that rise with how often a class was seen."""
        structure = recording.facts.structure
        if structure is None or not structure.class_weights:
            raise NotChecked("the loss has no class weights")
        weights, counts = np.asarray(structure.class_weights), np.asarray(structure.class_counts, dtype=float)
        if len(weights) == 1 and len(counts) == 2:
            weights = np.asarray([1.0, weights[0]])
        if len(weights) != len(counts) or not counts.sum() >= LEAST_LABELS:
            return None
        used = (weights > 0) & (counts > 0)
        if used.sum() < 2 or not inverted(weights[used], counts[used]):
            return None
        return self._suspicion(recording, weights, counts)

    def _suspicion(self, recording: Recording, weights: Array, counts: Array) -> Suspicion:
        structure = recording.facts.structure
        site = structure.weights_site if structure is not None else -1
        names = ("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits")
        calls = [op for op in trace.loss_calls(recording, *names) if op.site == site]
        treatments: tuple[Treatment, ...] = ()
        edits: tuple[Edit, ...] = ()
        if calls:
            binary = calls[0].name == "binary_cross_entropy_with_logits"
            arg = {"arg": "pos_weight", "position": 6} if binary else {"arg": "weight", "position": 2}
            args = trace.at_site(recording, calls[0]) | arg | {"value": None}
            edits = (Edit("invert-weights", {"arg": arg["arg"]}),)
            treatments = (Treatment((Intervention("set-function-argument", "without class weights", args),)),)
        most, least = int(counts.argmax()), int(np.where(counts > 0, counts, np.inf).argmin())
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"class {most} ({counts[most]:.0f} samples) weighs {weights[most]:.3g}, "
            f"class {least} ({counts[least]:.0f}) only {weights[least]:.3g}",
            rule=Rule.FACT if treatments else Rule.NOTE,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "weight_of_frequent_over_rare",
                    round(float(weights[most] / weights[least]), 3) if weights[least] > 0 else None,
                    "< 1",
                    "weights rise with the frequency of the class: "
                    + ", ".join(f"{c:.0f}: {w:.3g}" for c, w in list(zip(counts, weights, strict=True))[:6]),
                ),
            ),
            treatments=treatments,
            explains=("class-imbalance", "output-collapse", "plateau", "slow-learning", "no-learning"),
            advice="use the inverse: weight = counts.sum() / (len(counts) * counts), in the order of the classes",
            edits=edits,
            metric="task_loss",
            needs_harm=True,
        )


def inverted(weights: Array, counts: Array) -> bool:
    """Whether the frequent classes clearly weigh more."""
    most, least = int(counts.argmax()), int(counts.argmin())
    if not counts[most] >= IMBALANCE * counts[least] or not weights[most] >= INVERTED * weights[least]:
        return False
    with np.errstate(all="ignore"):
        agreement = float(np.corrcoef(np.log(weights), np.log(counts))[0, 1])
    return agreement > AGREEMENT
