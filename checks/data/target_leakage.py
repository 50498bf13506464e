"""target-leakage: a single feature is the label, or a sequence model sees the tokens that it has to predict."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

FORMS = ("the same", "the next")
"""Which input token the target of a position is, by the shift."""


class TargetLeakage(Check):
    """The label is among the inputs.

    ## What it means
    A column of the inputs equals the label, up to scale and offset: the label was not dropped from the table, or a
    feature was computed from it. Or a model that predicts the next token sees that token: the causal mask is missing or
    wrong, the network reads in both directions, or the decoder's input was not shifted.

    ## Why it hurts
    Training and validation look perfect, and the model is useless where the label is not known.

    ## How it is proven
    In every batch that was looked at, the feature and the label have a correlation of exactly 1. Whether that is a
    mistake cannot be told from outside, hence advice.

    Of sequences: in every batch that was looked at, the targets are the model's own input, one position further on (or,
    of a further input such as that of a decoder, at the same position). A replay exchanges one such token and compares
    the output whose answer it is, in evaluation mode: a causal model gives the very same one.

    ## How to fix it
    Drop the column, and every column that is made from the label. Mask attention causally (`is_causal=True`, or
    `nn.Transformer.generate_square_subsequent_mask`), do not read backwards, and feed a decoder `target[:, :-1]` where
    it has to predict `target[:, 1:]`.

    ## Example
    Bad:

        X = df.values                       # still holds the column "label"

    Good:

        X = df.drop(columns=["label"]).values

    ## Known limits
    Labels that leak through several features together are not seen. Sequences are compared where tokens are integers of
    two dimensions and a positional argument of the model.

    ## References
    - Kaufman et al., Leakage in Data Mining, KDD 2011
    """

    name = "target-leakage"
    family = "data"
    summary = "one input feature equals the label, or a sequence model sees the tokens that it has to predict"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The feature that was the label in every batch."""
        targets = recording.facts.signals.targets
        if not targets.batches:
            raise NotChecked("no targets were seen")
        ahead = self._ahead(recording)
        if ahead is not None:
            return ahead
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

    def _ahead(self, recording: Recording) -> Suspicion | None:
        """Targets that stand in the input of the model; of its only input, at the same position, on purpose."""
        answers, task = recording.facts.signals.answers, recording.facts.task
        if answers is None or (answers.shift == 0 and answers.argument == 0):
            return None
        args = {"argument": answers.argument, "shift": answers.shift, "axis": answers.axis}
        look = Intervention("look-ahead", "one token that is an answer exchanged in the input", args)
        form = FORMS[answers.shift]
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the model sees the answers: each output depends on {form} input token, which is its target",
            rule=Rule.MEASURED,
            location=recording.location(task.loss_site if task is not None else -1),
            evidence=(
                Evidence(
                    "targets_in_input",
                    1.0,
                    "not visible",
                    f"in every batch the target of each position is {form} token of input {answers.argument}",
                ),
            ),
            treatments=(Treatment((look,)),),
            explains=("overfitting", "metric-bug"),
            advice="mask attention causally and read in one direction only"
            if answers.shift
            else "shift the decoder's input: target[:, :-1] goes in, target[:, 1:] is predicted",
        )
