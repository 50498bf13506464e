"""unnormalized-inputs: features of different scales, or far from zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Features, Recording

SPREAD = 3.0
"""Largest std over median std of the features (input bench of 35 kinds: the four limits together P 1.00, R .92)."""
OFFSET = 5.0
"""Sum of squared means over sum of variances."""
LARGE = 4.0
"""Root mean square over all features."""
SMALL = 0.1
LIVE = 1e-6
"""Features whose std is below this share of their mean are constant and left out."""
MARGIN = 0.1
"""How far standardised inputs have to beat the best run at another lr alone (input bench: .13 gives P .91, R 1.0)."""


class UnnormalizedInputs(Check):
    """The input features have different scales, or lie far from zero.

    ## What it means
    The curvature of the loss along a weight grows with the square of its feature. When one feature is
    a thousand times larger than another, no single learning rate fits both.

    ## Why it hurts
    The rate that is stable for the large features is far too small for the others: the loss jumps, or stalls
    high above what the model can reach.

    ## How it is proven
    The same loop is rerun with each feature standardised on the fly (mean 0, standard deviation 1) before
    the first weight layer, and compared with the best run on raw features at any learning rate.

    ## How to fix it
    Standardise with the statistics of the training set, and use the same ones for validation and test:
    `(X - X_train.mean(0)) / X_train.std(0)`.

    ## Example
    Bad:

        X = torch.tensor(load_wine().data, dtype=torch.float32)

    Good:

        X = torch.tensor(load_wine().data, dtype=torch.float32)
        X = (X - X.mean(0)) / X.std(0)

    ## Known limits
    A single feature that is far too small is seen only by the rerun. Integer ids, one-hot features and
    inputs of a BatchNorm are left in peace.

    ## References
    - LeCun et al., Efficient BackProp, 1998, section 4.3
    """

    name = "unnormalized-inputs"
    family = "data"
    summary = "features of very different scale or far from zero slow or break the training"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Scales of what reaches the first weight layer."""
        features = recording.facts.features
        if features is None:
            raise NotChecked("no input of a first weight layer was seen")
        if features.integer or _normalises(features) or len(features.mean) == 0 or not features.input_is_data:
            return None
        mean, std = np.asarray(features.mean), np.asarray(features.std)
        if (features.distinct or 99) <= 2:
            return None
        live = std > LIVE * (1 + np.abs(mean))
        if not live.any():
            return None
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is beyond any limit
            spread = float(std[live].max() / np.median(std[live]))
            offset = float((mean[live] ** 2).sum() / (std[live] ** 2).sum())
            rms = float(np.sqrt((mean[live] ** 2 + std[live] ** 2).mean()))
        if not (spread > SPREAD or offset > OFFSET or rms > LARGE or rms < SMALL):
            return None
        return self._suspicion(recording, features, spread, offset, rms)

    def _suspicion(
        self, recording: Recording, features: Features, spread: float, offset: float, rms: float
    ) -> Suspicion:
        low, high = min(features.minimum), max(features.maximum)
        std = [s for s in features.std if s > 0] or [0.0]
        args: dict[str, Any] = {"mean": list(features.mean), "std": list(features.std)}
        kind = "standardise-inputs"
        site = recording.site(features.function_site)
        if features.function and site is not None:
            kind = "standardise-operand"
            args |= {"function": features.function, "path": site.path, "line": site.line, "operand": features.operand}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"inputs are not normalised: features range from {low:.3g} to {high:.3g}, "
            f"their standard deviations from {min(std):.2g} to {max(std):.2g}",
            rule=Rule.KNOB,
            location=recording.location(features.site),
            evidence=(
                Evidence(
                    "std_max_over_median",
                    round(spread, 2),
                    f"< {SPREAD:g}",
                    f"the widest feature varies {spread:.3g} times as much as the median one",
                ),
                Evidence(
                    "offset", round(offset, 2), f"< {OFFSET:g}", f"squared means are {offset:.3g} times the variances"
                ),
                Evidence("rms", round(rms, 4), f"{SMALL} to {LARGE:g}", f"root mean square of the inputs: {rms:.3g}"),
            ),
            treatments=(Treatment((Intervention(kind, "inputs standardised", args),)),),
            margin=MARGIN,
            explains=(
                "lr-too-high",
                "lr-too-low",
                "divergence",
                "no-learning",
                "plateau",
                "slow-learning",
                "init-too-large",
                "dead-relu",
                "saturation",
                "exploding-gradient",
            ),
            advice="standardise every feature with the training set's mean and standard deviation",
            edits=(Edit("standardise-inputs", {"features": len(features.mean), "layer": features.layer}),),
        )


def _normalises(features: Features) -> bool:
    """A BatchNorm that reads the features, or the output of the first layer, takes their scale away."""
    return features.layer.startswith(("BatchNorm", "SyncBatchNorm", "Embedding")) or (
        features.next_layer.startswith(("BatchNorm", "SyncBatchNorm"))
    )
