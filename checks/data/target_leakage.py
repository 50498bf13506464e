"""target-leakage: a single feature is the label."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording


class TargetLeakage(Check):
    """One input feature is the label itself.

    ## What it means
    A column of the inputs equals the label, up to scale and offset: the label was not dropped from the table, or a
    feature was computed from it.

    ## Why it hurts
    Training and validation look perfect, and the model is useless where the label is not known.

    ## How it is proven
    In every batch that was looked at, the feature and the label have a correlation of exactly 1. Whether that is a
    mistake cannot be told from outside, hence advice.

    ## How to fix it
    Drop the column, and every column that is made from the label.

    ## Example
    Bad:

        X = df.values                       # still holds the column "label"

    Good:

        X = df.drop(columns=["label"]).values

    ## Known limits
    Labels that leak through several features together, or through a missing causal mask, are not seen.

    ## References
    - Kaufman et al., Leakage in Data Mining, KDD 2011
    """

    name = "target-leakage"
    family = "data"
    summary = "one input feature equals the label"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The feature that was the label in every batch."""
        targets = recording.facts.signals.targets
        if not targets.batches:
            raise NotChecked("no targets were seen")
        feature = recording.facts.signals.leaking_feature
        features = recording.facts.features
        if feature is None:
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"input feature {feature} equals the label in every batch that was looked at",
            rule=Rule.NOTE,
            location=recording.location(features.site if features is not None else -1),
            evidence=(
                Evidence("correlation_with_label", 1.0, "< 1", f"feature {feature} and the label correlate exactly"),
            ),
            advice=f"drop feature {feature} if it is made from the label",
            confidence=Confidence.LIKELY,
        )
