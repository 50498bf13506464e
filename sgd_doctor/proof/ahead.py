"""Answers in the input: decided by whether an output moves when the token that is its answer is exchanged."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sgd_doctor.findings import Evidence, Suspicion
from sgd_doctor.proof.case import Case

STEPS = 3
SEES = 1e-3
"""Change of an output, in standard deviations of all outputs, that no rounding explains (float32 gives about 1e-6)."""


class AheadProver:
    """Settles suspicions of the rule :attr:`~sgd_doctor.findings.Rule.MEASURED`."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def prove(self, suspicions: Sequence[Suspicion]) -> None:
        """One short replay for each."""
        for suspicion in suspicions:
            if suspicion.check in self.case.settled:
                continue
            if not self.case.can_probe():
                self.case.unproven([suspicion])
                continue
            self.case.settled.add(suspicion.check)
            arm = suspicion.treatments[0].interventions
            trial = self.case.lab.run([arm], STEPS, "loss", f"{suspicion.check}: {arm[0].label}")[0]
            moved = trial.recording.facts.signals.look_ahead if trial.recording is not None else None
            if moved is None:
                self.case.blocked([suspicion], "suspected, but the model could not be asked")
            elif not moved > SEES:
                self.case.rule_out(
                    suspicion, "exchanging the answers in the input changes no output before them", trial
                )
            else:
                text = f"exchanging the token that is the answer moves the output by {moved:.2g} standard deviations"
                evidence = (*suspicion.evidence, Evidence("look_ahead", float(f"{moved:.3g}"), "0", text))
                self.case.conclude(msgspec.structs.replace(suspicion, evidence=evidence), None, None)
