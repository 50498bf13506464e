"""weight-decay-too-large: the pull towards zero wins over the loss."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

SCREEN_RATIO = 0.2
"""Median of decay pull / gradient norm above which decay is tried out (trial value; .59 decides alone at P .88)."""
SCREEN_SHRINK = 0.2
"""Or: the weight norm has lost this share (weight-decay bench: .29 at 50 steps, P .85)."""
WIPED = 10.0
"""The same ratio, from which little but the decay moves the weights, and ..."""
SMALL_GAIN = 0.03
"""... the gain without it that is proof enough then: a loss that has a large floor cannot fall by much."""
STEPS = 100


class WeightDecayTooLarge(Check):
    """Weight decay dominates the gradient.

    ## What it means
    Every step the decay pulls the weights towards zero by `weight_decay · w`; here that pull is as
    large as the gradient of the loss.

    ## Why it hurts
    Weights shrink, the outputs become the same for every input, and the loss stays near that of a
    constant prediction.

    ## How it is proven
    The same loop without weight decay has to train clearly better than the best run with it at any
    other learning rate.

    ## How to fix it
    Use 0 to 1e-3 with SGD, 1e-2 to 1e-1 with AdamW, unless held-out data ask for more.

    ## Example
    Bad:

        torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)

    Good:

        torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1e-4)

    ## Known limits
    Decay that costs training loss can still help on held-out data; where the run evaluates held-out
    data, that is compared as well.

    ## References
    - Krogh and Hertz, A Simple Weight Decay Can Improve Generalization, NIPS 1991
    - Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019
    """

    name = "weight-decay-too-large"
    family = "optimizer"
    summary = "the L2 pull dominates the gradient and the weights shrink"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Decay is on, and its pull is comparable to the gradient, or the weights shrank."""
        if not recording.facts.optimizers or recording.steps == 0:
            raise NotChecked("no optimizer made a step")
        decay = stats.finite_max(recording.column("weight_decay"))
        if not decay > 0:
            return None
        ratio = stats.finite_median(recording.column("decay_ratio")[10:STEPS])
        norms = recording.column("weight_norm")[:STEPS]
        kept = norms[norms == norms]
        shrink = 1 - kept[-1] / kept[0] if len(kept) > 1 and kept[0] > 0 else 0.0
        if not ratio > SCREEN_RATIO and not shrink > SCREEN_SHRINK:
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"weight_decay {stats.nice(decay)} is too large",
            rule=Rule.KNOB,
            location=recording.location(recording.facts.optimizers[0].site),
            evidence=(
                Evidence(
                    "decay_pull_over_gradient",
                    round(float(ratio), 3) if ratio == ratio else None,
                    "< 0.2",
                    f"the decay pulls {ratio:.2g} times as hard as the gradient of the loss",
                ),
                Evidence(
                    "weight_norm_lost",
                    round(float(shrink), 3),
                    "< 0.2",
                    f"the weight norm fell by {max(shrink, 0.0):.0%} in the first {len(norms)} steps",
                ),
            ),
            treatments=(
                Treatment((Intervention("weight-decay", f"weight_decay {stats.nice(decay)} → 0", {"value": 0.0}),)),
            ),
            explains=("no-learning", "output-collapse", "plateau", "vanishing-gradient"),
            advice="remove weight_decay, or use 1e-4 as a start",
            regularises=True,
            margin=SMALL_GAIN if ratio > WIPED else None,
            least_gain=SMALL_GAIN if ratio > WIPED else None,
            edits=(Edit("set-optimizer-arg", {"arg": "weight_decay", "value": 0.0}),),
        )
