"""double-scaling: inputs divided by 255 (or normalised) twice."""

from __future__ import annotations

from typing import Any

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Features, Recording

SMALL_STD = 1e-2
"""Spread of all inputs below which they were scaled down once too often (1/255 of the usual range is .001 to .004)."""
SMALL_RANGE = 0.02


class DoubleScaling(Check):
    """Inputs were scaled down twice.

    ## What it means
    `ToTensor()` divides images by 255 already; a second division by 255 leaves values below 0.004. The same
    happens with a tensor that is normalised in the data set and again in the loop.

    ## Why it hurts
    The first layer sees almost nothing but its own bias: gradients of its weights are hundreds of times too small.

    ## How it is proven
    All inputs lie within 0.02 of each other. The same loop is rerun with inputs standardised on the fly, which has to
    beat the best run at any learning rate.

    ## How to fix it
    Remove one of the two scalings.

    ## Example
    Bad:

        images = transforms.ToTensor()(image) / 255

    Good:

        images = transforms.ToTensor()(image)

    ## Known limits
    Says only that the inputs are far too small; physical quantities in unsuitable units look the same.

    ## References
    - <https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html>
    """

    name = "double-scaling"
    family = "data"
    summary = "inputs are hundreds of times too small, as if scaled down twice"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The spread and range of all inputs."""
        features = recording.facts.features
        if features is None:
            raise NotChecked("no input of a first weight layer was seen")
        if features.integer or not features.mean or not features.input_is_data:
            return None
        if features.layer.startswith(("BatchNorm", "SyncBatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm")):
            return None
        std = float(np.max(features.std))
        span = max(features.maximum) - min(features.minimum)
        if not (0 < std < SMALL_STD and span < SMALL_RANGE and abs(float(np.mean(features.mean))) < SMALL_RANGE):
            return None
        return self._suspicion(recording, features, std)

    def _suspicion(self, recording: Recording, features: Features, std: float) -> Suspicion:
        low, high = min(features.minimum), max(features.maximum)
        args: dict[str, Any] = {"mean": list(features.mean), "std": list(features.std)}
        kind = "standardise-inputs"
        site = recording.site(features.function_site)
        if features.function and site is not None:
            kind = "standardise-operand"
            args |= {"function": features.function, "path": site.path, "line": site.line, "operand": features.operand}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"inputs are far too small ({low:.2g} to {high:.2g}): were they scaled down twice?",
            rule=Rule.KNOB,
            location=recording.location(features.site),
            evidence=(
                Evidence(
                    "max_std", float(f"{std:.3g}"), f">= {SMALL_STD}", f"no feature spreads by more than {std:.2g}"
                ),
            ),
            treatments=(Treatment((Intervention(kind, "inputs standardised", args),)),),
            explains=(
                "unnormalized-inputs",
                "lr-too-low",
                "no-learning",
                "plateau",
                "slow-learning",
                "undertrained",
                "dead-relu",
            ),
            advice="remove one of the two scalings (ToTensor() divides by 255 already); inputs should spread by 1",
            edits=(Edit("standardise-inputs", {}),),
        )
