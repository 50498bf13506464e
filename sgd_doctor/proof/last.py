"""What is left to ask where nothing else was found: can the model fit anything at all?"""

from __future__ import annotations

from collections.abc import Sequence

from sgd_doctor.findings import Suspicion
from sgd_doctor.learning_rate import LrExperiments, obstacle
from sgd_doctor.proof.case import Case, shown

STEPS = 200
STUCK = 0.9
"""Loss in units of the best constant answer's, above which a run has learned nothing."""
FITTED = 0.5
"""The same for the treated run, below which it has (docs/proof.md: one-batch overfit)."""
FACTORS = (0.1, 1.0, 10.0)


class LastProver:
    """Compares runs that learn nothing at any rate with a treated one that does."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def prove(self, suspicions: Sequence[Suspicion]) -> None:
        for suspicion in suspicions:
            if suspicion.check in self.case.settled or self.case.has_cause():
                continue
            self.case.settled.add(suspicion.check)
            if obstacle(self.case.observed) or not self.case.can_probe():
                self.case.unproven([suspicion])
                continue
            self.compare(suspicion)

    def compare(self, suspicion: Suspicion) -> None:
        """Stuck at every rate as written, and not stuck when treated."""
        steps = self.case.length(STEPS, arms=8)
        plain = LrExperiments(self.case.lab, self.case.applied, suspicion.metric, steps)
        plain.at(FACTORS, why=f"{suspicion.check}: does any learning rate learn anything?")
        plain.centre()
        _, best = plain.best()
        if not best.score > STUCK:
            why = f"another learning rate does learn (loss {shown(best.raw)})"
            self.case.rule_out(suspicion, why, best)
            return
        treatment = suspicion.treatments[0]
        applied = (*self.case.applied, *treatment.interventions)
        treated = LrExperiments(self.case.lab, applied, suspicion.metric, steps)
        treated.at(FACTORS, why=f"{suspicion.check}: {treatment.label}")
        treated.centre()
        _, found = treated.best()
        if not found.score < FITTED:
            why = f"{treatment.label}: no better (loss {shown(found.raw)})"
            self.case.rule_out(suspicion, why, *treated.trials.values())
            return
        self.case.conclude(suspicion, plain.control(), found)
