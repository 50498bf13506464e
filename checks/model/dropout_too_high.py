"""dropout-too-high: a dropout layer takes nearly everything away."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

LARGE = 0.75
"""Share that no usual recipe takes away: 0.5 in hidden layers, 0.2 of inputs (Srivastava et al. 2014)."""
USUAL = 0.5
LEAST_GAIN = 0.3
"""Less dropout always fits the training data better; by so much of the trivial loss only where little was left."""


class DropoutTooHigh(Check):
    """Dropout takes so much away that little can be learned.

    ## What it means
    `nn.Dropout(p)` takes the share `p` away. Papers and other frameworks give the share that is *kept*: `keep_prob=0.9`
    becomes `Dropout(0.1)`, not `Dropout(0.9)`.

    ## Why it hurts
    With `p=0.95` one unit of twenty is left, and what is left is scaled by twenty: the next layer sees mostly noise.

    ## How it is proven
    The same loop is rerun with dropout of 0.5 in these layers. It has to do far better than any learning rate alone
    does, and on held-out data as well where the script evaluates some.

    ## How to fix it
    Use 0.1 to 0.5.

    ## Example
    Bad:

        self.drop = nn.Dropout(0.9)   # meant: keep 0.9

    Good:

        self.drop = nn.Dropout(0.1)

    ## Known limits
    Layers are looked at, `F.dropout` is not.

    ## References
    - Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 2014
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html>
    """

    name = "dropout-too-high"
    family = "model"
    summary = "dropout takes nearly all values away"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Rates of the dropout layers that train."""
        structure = recording.facts.structure
        layers = [m for m in (structure.mode_layers if structure is not None else ()) if m.rate is not None]
        if not layers:
            raise NotChecked("the model has no dropout layer")
        worst = max(layers, key=lambda m: m.rate or 0.0)
        rate = worst.rate or 0.0
        if not worst.training or not LARGE < rate < 1:
            return None
        site = recording.facts.module_sites.get(worst.name, -1)
        place = recording.site(site)
        edit = {"function": worst.kind, "arg": "p", "value": USUAL}
        change = Intervention("lower-dropout", f"dropout {rate:g} → {USUAL:g}", {"above": LARGE, "rate": USUAL})
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{worst.kind} takes {rate:.0%} of the values away",
            rule=Rule.KNOB,
            location=recording.location(site),
            evidence=(Evidence("dropout", round(rate, 3), "0.1 to 0.5", f"{worst.name} has p = {rate:g}"),),
            treatments=(Treatment((change,)),),
            explains=(
                "no-learning",
                "plateau",
                "slow-learning",
                "undertrained",
                "lr-too-low",
                "lr-too-high",
                "labels-misaligned",
                "bn-eval-gap",
            ),
            advice=f"use 0.1 to 0.5; if {rate:g} was meant to be kept, {1 - rate:.2g}",
            edits=(Edit("set-call-arg", edit | {"line": place.line}),) if place is not None else (),
            least_gain=LEAST_GAIN,
            regularises=True,
        )
