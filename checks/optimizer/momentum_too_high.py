"""momentum-too-high: the loop coasts past every minimum."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

SUSPICIOUS = 0.985
"""Up to .99 a smaller lr always cured the run in the momentum bench; blame starts near .995."""
TO_BLAME = 0.995
"""From here on the momentum is named where its change does as well as another lr."""
LEAST_GAIN = 0.05
"""A momentum that acts over a thousand steps does only part of its harm in a run of a hundred."""
USUAL = 0.9


class MomentumTooHigh(Check):
    """Momentum is so high that old gradients dominate.

    ## What it means
    With momentum β a gradient acts over about 1/(1-β) steps and the effective rate is lr/(1-β):
    at 0.999 that is 1000 steps and 1000 × lr.

    ## Why it hurts
    The loss swings slowly with a long period, or grows, whatever the learning rate is.

    ## How it is proven
    The same loop with momentum 0.9, at its own learning rate, has to beat the best run at the user's
    momentum and any other learning rate. Up to about 0.99 the learning rate alone cures the run, and
    then the learning rate is named; from 0.995 on it is enough that momentum 0.9 does about as well.

    ## How to fix it
    Set `momentum=0.9` (for Adam: `betas=(0.9, 0.999)`), and adjust lr as the report says.

    ## Example
    Bad:

        torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.999)

    Good:

        torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    ## Known limits
    Very long runs with a matching small rate can use more momentum than short probes can show.

    ## References
    - Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013
    """

    name = "momentum-too-high"
    family = "optimizer"
    summary = "momentum (or the first beta) keeps gradients alive for too many steps"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Momentum of the first group beyond what any lr can balance."""
        if not recording.facts.optimizers or recording.steps == 0:
            raise NotChecked("no optimizer made a step")
        momentum = stats.finite_max(recording.column("momentum"))
        if not momentum >= SUSPICIOUS:
            return None
        optimizer = recording.facts.optimizers[0]
        arg = "betas" if optimizer.kind not in ("SGD", "RMSprop") else "momentum"
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"momentum {momentum:.6g} is too high: a gradient acts over {1 / (1 - momentum):.0f} steps"
            if momentum < 1
            else f"momentum {stats.nice(momentum)} never forgets",
            rule=Rule.SMELL if momentum >= TO_BLAME else Rule.KNOB,
            location=recording.location(optimizer.site),
            evidence=(Evidence("momentum", float(momentum), "about 0.9", f"momentum is {momentum:g}"),),
            treatments=(Treatment((Intervention("momentum", f"momentum {momentum:g} → {USUAL}", {"value": USUAL}),)),),
            explains=(
                "dead-relu",
                "oscillation",
                "divergence",
                "no-learning",
                "lr-too-high",
                "plateau",
                "overfitting",
                "bn-eval-gap",
            ),
            least_gain=LEAST_GAIN if momentum >= TO_BLAME else None,
            advice=f"set {'momentum=0.9' if arg == 'momentum' else 'betas=(0.9, 0.999)'}",
            edits=(Edit("set-optimizer-arg", {"arg": "momentum", "value": USUAL}),) if arg == "momentum" else (),
        )
