"""Facts of the program: certain already; a treated run shows what the change is worth."""

from __future__ import annotations

from collections.abc import Sequence

from sgd_doctor.findings import Severity, Suspicion, Treatment
from sgd_doctor.lab import Trial, lr_factor
from sgd_doctor.learning_rate import NEAR, LrExperiments, centre_factor, obstacle
from sgd_doctor.proof.case import MAX_LONG, SAME_LR, Case, Harmless, shown

FACT_GAIN = 0.02
"""Gain below which a pattern counts as harmless."""
LONGER = 1.5
"""How much longer the watched run has to be for harm to be looked for over all of it."""
LEFT = 0.1
"""Loss of the watched run's end, in units of the trivial loss, below which nothing can be much better."""
LONG_SHARE = 0.08
"""Share of the untreated loss by which a full-length run has to be lower, where that is little in units of the trivial
loss: what the benchmark of the sample scripts counts as clearly worse."""


class FactProver:
    """Shows what facts, and changes that need the whole length, are worth."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def prove_fact(self, suspicion: Suspicion) -> bool:
        """Certain already; the treated run shows what the change is worth.  True if the search may go on."""
        self.case.settled.add(suspicion.check)
        if not suspicion.treatments or not self.case.can_probe():
            self.case.conclude(suspicion, None, None)
            self.case.untreated = suspicion.check
            return True
        steps = self.case.length(self.case.telling(suspicion.metric))
        treatment = suspicion.treatments[0]
        control, treated = self.case.lab.run(
            [self.case.applied, (*self.case.applied, *treatment.interventions)],
            steps,
            suspicion.metric,
            f"{suspicion.check}: the same loop, {treatment.label}",
        )
        if suspicion.batches > 1:
            # As much data as the treated run is given, and not as many steps.
            fewer = max(1, steps // suspicion.batches)
            control = self.case.lab.run([self.case.applied], fewer, suspicion.metric)[0]
        best, factor = treated, 1.0
        if not control.score - treated.score > NEAR and not obstacle(self.case.observed):
            best, factor = self.retuned(suspicion, treatment, steps, treated)
        gain = control.score - best.score
        if suspicion.needs_harm and factor != 1.0:
            untreated = self.at_rate_of(suspicion, treatment, best, steps)
            if gain > -NEAR and abs(factor * lr_factor(self.case.applied) - 1) < SAME_LR:
                # At the written rate, which an earlier change seemed to need another one for, it does as well.
                control, gain = untreated, untreated.score - best.score
            else:
                gain = min(gain, untreated.score - best.score)
        if suspicion.needs_harm and not gain > FACT_GAIN and treated.recording is not None:
            if self.whole_length_shows(suspicion, steps):
                return True
            self.case.harmless.append(Harmless(suspicion, control, best))
            return True
        if self.case.is_own_fault(treated, factor):
            # Two faults: this one is concluded with what both changes are worth, the lr is judged next.
            self.case.conclude(suspicion, control, best)
            self.case.adopt(suspicion, treated, 1.0, treated)
        else:
            self.case.conclude(suspicion, control, best, lr_factor=factor)
            self.case.adopt(suspicion, best, factor, treated)
        return treated.recording is not None and treated.recording.steps > 0

    def whole_length_shows(self, suspicion: Suspicion, tried: int) -> bool:
        """Harm that a short run cannot show: once more over the watched length, where much is left to be learned."""
        observed = self.case.observed
        steps = self.case.length(min(MAX_LONG, observed.steps), arms=2)
        scale = self.case.lab.scale("loss", tried)
        if steps < LONGER * tried or scale is None or not scale.score(observed, observed.steps) > LEFT:
            return False
        arms = [self.case.applied, (*self.case.applied, *suspicion.treatments[0].interventions)]
        control, treated = self.case.lab.run(
            arms, steps, suspicion.metric, f"{suspicion.check}: {suspicion.treatments[0].label}, over {steps} steps"
        )
        if treated.recording is None or not control.score - treated.score > NEAR:
            return False
        self.case.conclude(suspicion, control, treated)
        self.case.adopt(suspicion, treated, 1.0, treated)
        return True

    def at_rate_of(self, suspicion: Suspicion, treatment: Treatment, best: Trial, steps: int) -> Trial:
        """The untreated loop at the rate that suits the treated one."""
        rate = tuple(i for i in best.interventions if i not in treatment.interventions)
        why = f"{suspicion.check}: the untreated loop at that learning rate"
        return self.case.lab.run([rate], steps, suspicion.metric, why)[0]

    def retuned(self, suspicion: Suspicion, treatment: Treatment, steps: int, treated: Trial) -> tuple[Trial, float]:
        """The treated loop at other rates: a fault can act as a larger or smaller lr that hides its repair."""
        experiments = LrExperiments(
            self.case.lab, (*self.case.applied, *treatment.interventions), suspicion.metric, steps
        )
        experiments.trials[1.0] = treated
        factors = [0.1, 10.0]
        own = centre_factor(treated.recording) if treated.recording is not None else None
        if own is not None and 1e-6 < own < 1e6:
            factors.append(own)
        experiments.at(factors, why=f"{suspicion.check}: the repaired loop at other learning rates")
        factor, best = experiments.best()
        return (best, factor) if treated.score - best.score > NEAR else (treated, 1.0)

    def suppose_harmful(self, knobs: Sequence[Suspicion]) -> bool:
        """Two faults may hide each other: where nothing learns, the harmless patterns are treated all the same."""
        if not self.case.harmless:
            return False
        trial = self.case.lab.run(
            [self.case.supposed()],
            self.case.length(self.case.telling()),
            self.case.metric,
            "nothing learns: with the suspicious patterns out of the way",
        )[0]
        self.case.suppose(trial.recording, knobs)
        return True

    def settle(self) -> None:
        """Each pattern that was supposed to hurt, alone put back: harm, or advice; the others are advice."""
        for item in self.case.tentative:
            metric = item.suspicion.metric
            steps = self.case.length(self.case.telling(metric))
            why = f"{item.suspicion.check}: put back, with the other changes on"
            control, treated = self.case.lab.run(
                [self.case.supposed(without=item), self.case.applied], steps, metric, why
            )
            if control.score - treated.score > FACT_GAIN:
                self.case.conclude(item.suspicion, control, treated)
            else:
                self.case.harmless.append(item)
        for item in self.case.harmless:
            if item.suspicion.only_proven:
                self.not_proven(item.suspicion, item.control, item.treated)
                continue
            self.case.conclude(item.suspicion, item.control, item.treated, severity=Severity.ADVICE)

    def prove_long(self, suspicion: Suspicion) -> bool:
        self.case.settled.add(suspicion.check)
        steps = self.case.length(min(MAX_LONG, self.case.observed.steps), arms=2)
        arms = [self.case.applied, (*self.case.applied, *suspicion.treatments[0].interventions)]
        control, treated = self.case.lab.run(
            arms, steps, suspicion.metric, f"{suspicion.check}: {suspicion.treatments[0].label}"
        )
        gain = control.score - treated.score
        share = suspicion.least_share or LONG_SHARE
        lower = control.raw is not None and treated.raw is not None and treated.raw < (1 - share) * control.raw
        if (gain > NEAR and suspicion.least_share is None) or (gain > FACT_GAIN and lower):
            self.case.conclude(suspicion, control, treated)
            self.case.adopt(suspicion, treated, 1.0, treated)
            return True
        if suspicion.only_proven:
            self.not_proven(suspicion, control, treated)
        else:
            self.case.conclude(suspicion, control, treated, severity=Severity.ADVICE)
        return False

    def not_proven(self, suspicion: Suspicion, control: Trial, treated: Trial) -> None:
        """Say in the report that the change was tried and is worth nothing."""
        why = f"{suspicion.treatments[0].label}: no better ({shown(treated.raw)} against {shown(control.raw)})"
        self.case.rule_out(suspicion, why, treated)
