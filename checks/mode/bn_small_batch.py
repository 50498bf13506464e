"""bn-small-batch: BatchNorm over a handful of values."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

LEAST = 4
"""Values by channel up to which mean and variance are mostly noise (of two, the variance has one degree of freedom)."""


class BnSmallBatch(Check):
    """BatchNorm computes its statistics from a handful of values.

    ## What it means
    The batch (times the image size, for convolutions) is so small that mean and variance of each channel are
    estimated from four values or fewer.

    ## Why it hurts
    Every prediction depends on which samples happen to share its batch, and the running statistics that are
    used for evaluation differ from what training sees: with two values, by a factor of √2 even at convergence.

    ## How it is proven
    From the shapes that reach the layer. The same loop is rerun with a normalisation that does not depend on the
    batch (GroupNorm with one group); where that is no better, this is advice.

    ## How to fix it
    Use a larger batch, or GroupNorm or LayerNorm, which do not depend on the batch. When fine-tuning, keep
    BatchNorm in evaluation mode.

    ## Example
    Bad:

        loader = DataLoader(data, batch_size=2)     # BatchNorm1d over two values

    Good:

        loader = DataLoader(data, batch_size=32)

    ## Known limits
    A last, smaller batch of an epoch does not count.

    ## References
    - Wu and He, Group Normalization, 2018
    """

    name = "bn-small-batch"
    family = "mode"
    summary = "BatchNorm estimates mean and variance from four values or fewer"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """BatchNorm layers in training mode with few values by channel."""
        structure = recording.facts.structure
        if structure is None:
            raise NotChecked("the layers were not recorded")
        layers = [m for m in structure.mode_layers if m.values is not None and m.training]
        if not layers:
            return None
        small = [m for m in layers if m.values is not None and m.values <= LEAST]
        if not small:
            return None
        worst = min(small, key=lambda m: m.values or 0)
        built = recording.facts.module_sites.get(worst.name, -1)
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"{worst.kind} normalises over {worst.values} values by channel",
            rule=Rule.SMELL,
            location=recording.location(built),
            evidence=(
                Evidence(
                    "values_by_channel",
                    worst.values,
                    f"> {LEAST}",
                    f"{len(small)} of {len(layers)} BatchNorm layers see {LEAST} values or fewer",
                ),
            ),
            treatments=(Treatment((Intervention("per-sample-norm", "each sample normalised on its own", {}),)),),
            explains=("bn-eval-gap", "oscillation", "slow-learning", "overfitting", "batch-too-small"),
            advice="use a larger batch, or GroupNorm / LayerNorm instead of BatchNorm",
            needs_harm=True,
            long=True,
        )
