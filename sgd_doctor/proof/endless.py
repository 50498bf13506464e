"""Losses without a lower end: the same loop with the sign turned has to come to an end."""

from __future__ import annotations

import msgspec

from sgd_doctor.endless import LEAST_STEPS, settles
from sgd_doctor.findings import Evidence, Suspicion
from sgd_doctor.proof.case import MAX_LONG, Case


class EndlessProver:
    """Settles suspicions of the rule :attr:`~sgd_doctor.findings.Rule.ENDLESS`."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def prove(self, suspicion: Suspicion) -> bool:
        """True if the search may go on."""
        if not self.case.can_probe():
            self.case.unproven([suspicion])
            return True
        self.case.settled.add(suspicion.check)
        steps = self.case.length(min(MAX_LONG, self.case.observed.steps))
        if steps < LEAST_STEPS:
            self.case.blocked([suspicion], f"suspected, but {steps} steps are too few to see where the loss goes")
            return True
        arm = suspicion.treatments[0].interventions
        trial = self.case.lab.run([arm], steps, "loss", f"{suspicion.check}: {arm[0].label}")[0]
        turned = trial.recording.column("loss") if trial.recording is not None else None
        if turned is None or not settles(turned):
            self.case.rule_out(suspicion, f"{arm[0].label}: the loss comes to no end that way either", trial)
            return True
        text = f"with the other sign the same loop settles: at {turned[-1]:.3g} after {len(turned)} steps"
        evidence = (*suspicion.evidence, Evidence("turned_loss", float(f"{turned[-1]:.4g}"), "", text))
        self.case.conclude(msgspec.structs.replace(suspicion, evidence=evidence), None, None)
        self.case.untreated = suspicion.check
        return False
