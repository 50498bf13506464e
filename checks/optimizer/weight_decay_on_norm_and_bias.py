"""weight-decay-on-norm-and-bias: a split of the parameters that leaves some of them on the wrong side."""

from __future__ import annotations

from itertools import accumulate

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import OptimizerFacts, Recording

SHOWN = 3
"""Parameters that are named in the report."""


class WeightDecayOnNormAndBias(Check):
    """The parameters are split to keep norms and biases from decay, and some of them are decayed all the same.

    ## What it means
    One group of the optimizer has no weight decay and holds biases or weights of normalisation layers; others of the
    same kind are in a group that has. The usual reason is a filter by name that does not match all of them.

    ## Why it hurts
    Rarely much: decay pulls the scale of a normalised activation towards 0, which the next layer can make up for. No
    harm is measured here.

    ## How it is proven
    From the groups of the optimizer.

    ## How to fix it
    Split by the number of dimensions: matrices and kernels are decayed, everything with fewer than two is not.

    ## Example
    Bad:

        decayed = [p for n, p in model.named_parameters() if "LayerNorm" not in n]    # they are called norm1

    Good:

        decayed = [p for p in model.parameters() if p.ndim >= 2]

    ## Known limits
    One group for everything is common, works, and is not mentioned.

    ## References
    - He et al., Bag of Tricks for Image Classification with Convolutional Neural Networks, CVPR 2019, section 3.1
    """

    name = "weight-decay-on-norm-and-bias"
    family = "optimizer"
    summary = "norms and biases are kept from weight decay, but not all of them"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Norms and biases on both sides of a split."""
        split = [o for o in recording.facts.optimizers if len({g.get("weight_decay") for g in o.groups}) > 1]
        if not split:
            raise NotChecked("no optimizer has groups with and without weight decay")
        for optimizer in split:
            spared, decayed = _sides(recording, optimizer)
            if spared and decayed:
                return self._suspicion(recording, optimizer, decayed)
        return None

    def _suspicion(self, recording: Recording, optimizer: OptimizerFacts, decayed: list[str]) -> Suspicion:
        shown = ", ".join(decayed[:SHOWN]) + ", ..." * (len(decayed) > SHOWN)
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"{len(decayed)} norms or biases are decayed, though others are kept from it: {shown}",
            rule=Rule.NOTE,
            location=recording.location(optimizer.site),
            evidence=(Evidence("decayed", len(decayed), "0", f"in the group with weight decay: {shown}"),),
            advice="split by dimensions: weight decay for parameters with p.ndim >= 2, none for the others",
        )


def _sides(recording: Recording, optimizer: OptimizerFacts) -> tuple[list[str], list[str]]:
    """Norms and biases without weight decay, and those with it."""
    sides: tuple[list[str], list[str]] = ([], [])
    ends = list(accumulate(optimizer.sizes))
    for group, start, end in zip(optimizer.groups, [0, *ends], ends, strict=False):
        sides[bool(group.get("weight_decay"))].extend(n for n in optimizer.names[start:end] if _is_small(recording, n))
    return sides


def _is_small(recording: Recording, name: str) -> bool:
    """Whether a parameter is a bias, or the weight of a normalisation layer."""
    module, _, own = name.rpartition(".")
    return own == "bias" or "Norm" in recording.facts.module_kinds.get(module, "")
