"""train-test-preprocess-mismatch: evaluation data are scaled differently from training data."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Features, Recording
from sgd_doctor.signals import EvalInputs

BEYOND = 3.0
"""Distance of the means in training standard deviations, or ratio of the spreads, that sampling does not explain."""
SHARE = 0.3
"""Share of the features that have to lie beyond."""
LEAST_SAMPLES = 24
LIVE = 1e-6


class TrainTestPreprocessMismatch(Check):
    """Evaluation data went through another preprocessing than training data.

    ## What it means
    The training set is normalised and the validation set is not (or the other way round, or with other numbers).

    ## Why it hurts
    The model gets inputs that it has never seen the like of: perfect in training, near chance in validation, which
    looks like overfitting.

    ## How it is proven
    For many features, mean or standard deviation differ by more than a factor of 3 between training and evaluation
    batches. The same loop is rerun with evaluation inputs given the statistics of the training inputs, judged by the
    held-out loss; where that is no better, it is advice.

    ## How to fix it
    Use the training statistics for both: `(X_val - X_train.mean(0)) / X_train.std(0)`; one transform for both sets.

    ## Example
    Bad:

        X_train = (X_train - X_train.mean(0)) / X_train.std(0)
        evaluate(model, X_val)

    Good:

        mean, std = X_train.mean(0), X_train.std(0)
        evaluate(model, (X_val - mean) / std)

    ## Known limits
    Held-out data that really come from elsewhere look the same, and matching them helps as well.

    ## References
    - <https://scikit-learn.org/stable/common_pitfalls.html#inconsistent-preprocessing>
    """

    name = "train-test-preprocess-mismatch"
    family = "data"
    summary = "evaluation inputs have another scale than training inputs"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Feature statistics of evaluation batches against those of training batches."""
        features, seen = recording.facts.features, recording.facts.signals.eval_inputs
        if features is None or not seen:
            raise NotChecked("training and evaluation inputs were not both seen")
        if features.integer or not features.mean or not features.input_is_data:
            return None
        known = {h.site for h in recording.facts.held_out if h.steps}
        for inputs in seen:
            if inputs.samples < LEAST_SAMPLES or len(inputs.mean) != len(features.mean) or inputs.site not in known:
                continue
            share = _share_beyond(features, inputs)
            if share > SHARE:
                return self._suspicion(recording, features, inputs, share)
        return None

    def _suspicion(self, recording: Recording, features: Features, inputs: EvalInputs, share: float) -> Suspicion:
        args = {
            "mean": list(features.mean),
            "std": list(features.std),
            "eval_mean": list(inputs.mean),
            "eval_std": list(inputs.std),
        }
        train = f"{np.mean(features.mean):.3g} ± {np.mean(features.std):.3g}"
        held = f"{np.mean(inputs.mean):.3g} ± {np.mean(inputs.std):.3g}"
        place, trained = recording.site(inputs.site), recording.site(features.site)
        edits: tuple[Edit, ...] = ()
        if place is not None and trained is not None:
            edits = (Edit("mirror-scaling", {"eval_line": place.line, "train_line": trained.line}),)
        matched = Intervention("match-evaluation", "evaluation inputs scaled like training inputs", args)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"evaluation inputs are scaled differently: {held} on average, training inputs {train}",
            rule=Rule.FACT,
            location=recording.location(inputs.site),
            evidence=(
                Evidence(
                    "differing_features",
                    round(share, 3),
                    f"< {SHARE}",
                    f"{share:.0%} of the features differ by {BEYOND:g} deviations or {BEYOND:g} times in spread",
                ),
            ),
            treatments=(Treatment((matched,)),),
            explains=("overfitting", "missing-weight-decay", "bn-eval-gap", "train-mode-at-eval"),
            advice="apply the same transform to both, with the statistics of the training set",
            edits=edits,
            metric=recording.held_out_metric(),
            needs_harm=True,
        )


def _share_beyond(features: Features, inputs: EvalInputs) -> float:
    """Share of the live features whose mean or spread differs by more than sampling explains."""
    mean, std = np.asarray(features.mean), np.asarray(features.std)
    other_mean, other_std = np.asarray(inputs.mean), np.asarray(inputs.std)
    live = (std > LIVE * (1 + np.abs(mean))) & (other_std > LIVE * (1 + np.abs(other_mean)))
    if not live.any():
        return 0.0
    with np.errstate(over="ignore"):  # what overflows is beyond any limit
        shift = np.abs(other_mean - mean)[live] / std[live]
        ratio = other_std[live] / std[live]
        return float(np.mean((shift > BEYOND) | (np.maximum(ratio, 1 / ratio) > BEYOND)))
