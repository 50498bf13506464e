"""constant-input: the inputs do not vary from sample to sample."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Features, Recording

CONSTANT = 1e-6
"""A spread below this share of the values counts as none."""
LEAST_SAMPLES = 8


class ConstantInput(Check):
    """All samples look the same to the model.

    ## What it means
    No feature varies over samples or batches, while the targets do: a loader that returns the same sample for every
    index, an image that became all zeros or all ones by a cast, a slice that selects a constant column.

    ## Why it hurts
    The best that can be learned is the mean of the targets.

    ## How it is proven
    From the values that reached the first weight layer, over several batches.

    ## How to fix it
    Look at two samples: `dataset[0][0]` and `dataset[1][0]`. Check the index in `__getitem__`, casts to integers
    and divisions that round to 0.

    ## Example
    Bad:

        def __getitem__(self, i): return self.x[0], self.y[i]

    Good:

        def __getitem__(self, i): return self.x[i], self.y[i]

    ## Known limits
    Integer inputs are not looked at.

    ## References
    - <https://docs.pytorch.org/docs/stable/data.html#dataset-types>
    """

    name = "constant-input"
    family = "data"
    summary = "no input feature varies, though the targets do"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Spread of every feature over all batches that were looked at."""
        features, task = recording.facts.features, recording.facts.task
        if features is None or task is None:
            raise NotChecked("inputs and targets were not both seen")
        if features.integer or not features.std or not features.input_is_data or features.count < LEAST_SAMPLES:
            return None
        targets = recording.facts.signals.targets
        samples = [b.samples for b in targets.batches]
        if not samples or max(samples) < 2 or not (targets.std or 0.0) > 0:
            return None
        if features.varies and not flat(features):
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title="the inputs are the same for all samples that were looked at",
            rule=Rule.FACT,
            location=recording.location(features.site),
            evidence=(
                Evidence(
                    "varying_features",
                    0,
                    ">= 1",
                    f"no input differs from the first one, over {features.batches} batches",
                ),
            ),
            explains=("plateau", "no-learning", "lr-too-low", "undertrained", "class-imbalance", "labels-misaligned"),
            advice="compare dataset[0][0] with dataset[1][0]: look for a wrong index in __getitem__, a cast to "
            "integers, or a division that rounds to 0",
        )


def flat(features: Features) -> bool:
    """Whether no feature varies beyond rounding, over samples or within them."""
    mean, std = np.asarray(features.mean), np.asarray(features.std)
    spread = np.asarray(features.maximum) - np.asarray(features.minimum)
    limit = CONSTANT * (1 + np.abs(mean))
    return not ((std > limit).any() or (spread > limit).any())
