"""acme-lr-rises: the learning rate ends far above where it began."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

LEAST_STEPS = 20
"""Fewer steps show a warm-up at most."""
RISE = 20.0
"""The warm-ups of this house rise by less."""


class LrRises(Check):
    """The learning rate grows while the run goes on.

    ## What it means
    The schedule raises the rate and does not lower it again: an `ExponentialLR` with a gamma above 1, for example.

    ## Why it hurts
    Sooner or later the steps are too large, and what was learned is lost.

    ## How it is proven
    The same loop is rerun with the rate held at its first value.

    ## How to fix it
    Use a gamma below 1.

    ## Example
    Bad:

        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=1.1)

    Good:

        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.98)

    ## Known limits
    A run that is watched during its warm-up only looks the same.

    ## References
    - The style guide of the house
    """

    name = "acme-lr-rises"
    family = "optimizer"
    summary = "the learning rate ends far above where it began"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Last over first learning rate."""
        rates = recording.column("lr")
        rates = rates[np.isfinite(rates) & (rates > 0)]
        if len(rates) < LEAST_STEPS:
            raise NotChecked(f"fewer than {LEAST_STEPS} steps with a learning rate were seen")
        first, last = float(rates[0]), float(rates[-1])
        if not last > RISE * first or last < rates.max():
            return None
        schedulers = recording.facts.schedulers
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the learning rate rises from {first:.3g} to {last:.3g} in {len(rates)} steps",
            rule=Rule.FACT,
            needs_harm=True,
            location=recording.location(schedulers[0].site if schedulers else -1),
            evidence=(Evidence("lr_ratio", last / first, f"< {RISE:g}", "the rate at the end over that at the start"),),
            treatments=(Treatment((Intervention("hold-lr", f"lr stays at {first:.3g}"),)),),
            explains=("divergence", "lr-too-high"),
            advice="use a gamma below 1",
        )
