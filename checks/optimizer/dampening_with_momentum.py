"""dampening-with-momentum: dampening takes away what momentum gives."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

SMALL_UPDATE = 0.02
"""Largest update over weight norm of a good learning rate (docs/proof.md): below it, the lost size may be missed."""


class DampeningWithMomentum(Check):
    """SGD uses dampening together with momentum.

    ## What it means
    With dampening d every gradient enters the momentum buffer times (1 - d): at 0.9 the effective learning rate is a
    tenth of what the same lr gives without it.

    ## Why it hurts
    It only shifts the learning rate, which surprises whoever copies an lr from elsewhere: a usual lr learns next to
    nothing.

    ## How it is proven
    From the arguments of the optimizer. Where the updates are small, the same loop is rerun without dampening, and has
    to reach most of what the best learning rate gains; otherwise it is advice, and no harm is claimed.

    ## How to fix it
    Leave `dampening` at 0 (its default).

    ## Example
    Bad:

        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dampening=0.9)

    Good:

        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    ## Known limits
    Whether the rate suits the dampening is judged with the learning rate.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>
    """

    name = "dampening-with-momentum"
    family = "optimizer"
    summary = "dampening makes the effective learning rate smaller than it looks"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A group with both."""
        if not recording.facts.optimizers:
            raise NotChecked("no torch optimizer is used")
        for optimizer in recording.facts.optimizers:
            for group in optimizer.groups:
                dampening, momentum = float(group.get("dampening") or 0.0), float(group.get("momentum") or 0.0)
                if dampening > 0 and momentum > 0:
                    return self._suspicion(recording, optimizer.site, dampening, momentum)
        return None

    def _suspicion(self, recording: Recording, site: int, dampening: float, momentum: float) -> Suspicion:
        small = stats.finite_max(recording.column("update_ratio")) < SMALL_UPDATE
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING if small else Severity.ADVICE,
            title=f"dampening {dampening:g} beside momentum {momentum:g} makes the effective lr {1 - dampening:.2g} "
            "times what it looks like",
            rule=Rule.SMELL if small else Rule.NOTE,
            location=recording.location(site),
            evidence=(Evidence("dampening", dampening, "0", f"dampening={dampening:g}, momentum={momentum:g}"),),
            treatments=(Treatment((Intervention("dampening", "dampening=0", {"value": 0.0}),)),) if small else (),
            explains=("lr-too-low", "slow-learning", "no-learning", "plateau", "undertrained"),
            advice="leave dampening at 0; the learning rate is then what it says",
            edits=(Edit("set-optimizer-arg", {"arg": "dampening", "value": 0}),),
        )
