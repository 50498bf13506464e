"""What is left to ask where nothing else was found: can the model fit anything at all?"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sgd_doctor.findings import Evidence, Suspicion, finite
from sgd_doctor.lab import Trial
from sgd_doctor.learning_rate import LrExperiments, obstacle
from sgd_doctor.proof.case import SET_ASIDE, Case, shown

STEPS = 200
STUCK = 0.9
"""Loss in units of the best constant answer's, above which a run has learned nothing."""
FITTED = 0.5
"""The same for the treated run, below which it has (docs/proof.md: one-batch overfit)."""
FACTORS = (0.1, 1.0, 10.0)
NOTHING_UNSEEN = 0.97
"""Loss on samples set aside, in units of the best constant answer's, from which on what was learned is worth nothing to
them. A task that can be learned is far below where its training loss is below STUCK; wrong labels give 1 and more."""
LEAST_UNSEEN = 20
"""Samples set aside that can tell."""


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
        if not best.score > STUCK and self.only_memorised(suspicion, best):
            return
        if not best.score > STUCK:
            why = f"another learning rate does learn (loss {shown(best.raw)})"
            self.case.rule_out(suspicion, why)
            return
        treatment = suspicion.treatments[0]
        applied = (*self.case.applied, *treatment.interventions)
        treated = LrExperiments(self.case.lab, applied, suspicion.metric, steps)
        treated.at(FACTORS, why=f"{suspicion.check}: {treatment.label}")
        treated.centre()
        _, found = treated.best()
        if not found.score < FITTED:
            why = f"{treatment.label}: no better (loss {shown(found.raw)})"
            self.case.rule_out(suspicion, why)
            return
        self.case.conclude(suspicion, plain.control(), found)

    def only_memorised(self, suspicion: Suspicion, best: Trial) -> bool:
        """Whether what the best rate learns is worth nothing on samples set aside; concludes so if it is."""
        task = self.case.observed.facts.task
        why = f"{suspicion.check}: does what is learned hold for samples set aside?"
        trial = self.case.lab.run([(SET_ASIDE, *best.interventions)], best.steps, suspicion.metric, why)[0]
        held = trial.recording.facts.held_out if trial.recording is not None else ()
        aside = next((h for h in held if h.site < 0), None)
        loss = aside.loss[-1] if aside is not None and aside.loss else None
        if task is None or not task.trivial_loss or aside is None or loss is None:
            return False
        if aside.samples < LEAST_UNSEEN or not loss > NOTHING_UNSEEN * task.trivial_loss:
            return False
        seen = (
            f"on {aside.samples} samples set aside the loss is {shown(loss)}, that of a constant answer "
            f"{shown(task.trivial_loss)}, though {shown(best.raw)} is reached on the others"
        )
        evidence = Evidence("set_aside_loss", finite(loss), f"< {shown(task.trivial_loss)}", seen)
        title = f"the labels seem to have nothing to do with the inputs: {seen}"
        found = msgspec.structs.replace(suspicion, title=title, evidence=(*suspicion.evidence, evidence))
        self.case.conclude(found, None, None)
        return True
