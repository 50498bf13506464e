"""suspect → prove → rank: pure logic over recordings and the replays that it is given.

The order (``docs/proof.md``): facts of the program first, then the suspicions whose fix works
through the optimisation against the best run at another learning rate alone, and the learning
rate last, because nearly every fault looks like a learning rate that is too high.  A confirmed
treatment stays on and the search goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Rule, Severity, Suspicion
from sgd_doctor.lab import Lab
from sgd_doctor.learning_rate import LrExperiments, obstacle
from sgd_doctor.proof.ahead import AheadProver
from sgd_doctor.proof.case import LEAST_STEPS, Case, Diagnosis, Proven
from sgd_doctor.proof.endless import EndlessProver
from sgd_doctor.proof.facts import FactProver
from sgd_doctor.proof.held_out import HeldOutProver
from sgd_doctor.proof.knobs import KnobProver, beside
from sgd_doctor.proof.last import STUCK, LastProver
from sgd_doctor.proof.rates import RateProver
from sgd_doctor.recording import Recording
from sgd_doctor.report import RuledOut

ROUNDS = 6


class Examiner:
    """Examines one recording.

    Args:
        lab: the observed run, and replays of it.
        checks: the checks to ask.
        seconds_left: time that may still be spent on replays.
        probes: whether replays may be made at all.
    """

    def __init__(
        self, lab: Lab, checks: Sequence[Check], *, seconds_left: Callable[[], float], probes: bool = True
    ) -> None:
        self.checks = checks
        self.case = Case(lab, seconds_left=seconds_left, probes=probes, ask=self.ask)
        self.facts, self.knobs = FactProver(self.case), KnobProver(self.case)
        self.rates, self.held_out = RateProver(self.case), HeldOutProver(self.case)
        self.ahead, self.last = AheadProver(self.case), LastProver(self.case)
        self.endless = EndlessProver(self.case)
        self.symptoms: list[Suspicion] = []

    @property
    def result(self) -> Diagnosis:
        """What was concluded so far."""
        return self.case.result

    def examine(self) -> Diagnosis:
        """Run the rounds until nothing more is found."""
        first = self.ask(self.case.observed, note=True)
        self.symptoms = [s for s in first if s.rule is Rule.SYMPTOM]
        suspicions, at_first = first, {s.check for s in first}
        for _ in range(ROUNDS):
            open_ = [s for s in suspicions if s.check not in self.case.settled and s.rule is not Rule.SYMPTOM]
            facts = [s for s in open_ if s.rule is Rule.FACT and s.check not in self.case.explained()]
            signs = [s for s in open_ if s.rule is Rule.ENDLESS]
            if facts:
                go_on = self.facts.prove_fact(facts[0])
            elif signs:
                go_on = self.endless.prove(signs[0])
            else:
                go_on = self.experiments([s for s in open_ if s.rule not in (Rule.NOTE, Rule.LAST, Rule.MEASURED)])
            if not go_on:
                break
            # A treated run is short: what it makes suspicious counts where the whole run was so, too.
            suspicions = [
                s
                for s in self.ask(self.case.current)
                if s.rule in (Rule.FACT, Rule.LOWER_LR, Rule.HIGHER_LR) or s.check in at_first
            ]
        self.facts.settle()
        self.ahead.prove([s for s in first if s.rule is Rule.MEASURED])
        self.held_out.prove([s for s in first if s.rule is Rule.HELD_OUT])
        self.last.prove([s for s in first if s.rule is Rule.LAST or (s.rule is Rule.SYMPTOM and s.treatments)])
        self.remarks([s for s in first if s.rule is Rule.NOTE])
        self.explain_symptoms()
        self.compare_replay()
        self.case.result.proven = _ranked(self.case.result.proven)
        return self.case.result

    def ask(self, recording: Recording, *, note: bool = False) -> list[Suspicion]:
        """What every check makes of ``recording``; an exception in one is a note, not the end."""
        found: list[Suspicion] = []
        for check in self.checks:
            try:
                suspicion = check.suspect(recording)
            except NotChecked as reason:
                if note:
                    self.case.result.not_checked.append(RuledOut(check.name, str(reason)))
                continue
            except Exception as error:
                self.case.result.notes.append(f"check {check.name} failed: {type(error).__name__}: {error}")
                continue
            if suspicion is not None:
                found.append(suspicion)
            elif note:
                self.case.result.passed.append(check.name)
        return found

    def experiments(self, suspicions: Sequence[Suspicion]) -> bool:
        """Knobs against the learning rate.  True if something was confirmed that may hide more."""
        if not suspicions:
            return False
        if not self.case.can_probe():
            self.case.unproven(suspicions)
            return False
        long = [s for s in suspicions if s.long]
        for suspicion in long:
            if self.facts.prove_long(suspicion):
                return True
        explained = self.case.explained()
        knobs = [
            beside(s) if s.check in explained else s
            for s in suspicions
            if s.rule in (Rule.KNOB, Rule.SMELL) and not s.long
        ]
        return self.compare(knobs, suspicions)

    def compare(self, knobs: Sequence[Suspicion], suspicions: Sequence[Suspicion]) -> bool:
        lower = next((s for s in suspicions if s.rule is Rule.LOWER_LR), None)
        higher = next((s for s in suspicions if s.rule is Rule.HIGHER_LR), None)
        blocked = obstacle(self.case.observed)
        if blocked:
            self.case.blocked([s for s in (lower, higher) if s is not None], blocked)
            lower = higher = None
        if not knobs and lower is None and higher is None:
            return False
        steps = self.case.length(self.case.telling(), arms=6)
        if steps < LEAST_STEPS:
            self.case.blocked(suspicions, f"{steps} steps are too few to compare runs")
            return False
        self.case.lab.measure_task |= any(s.metric != "loss" for s in knobs)
        experiments = LrExperiments(self.case.lab, self.case.applied, self.case.metric, steps)
        if not blocked:
            experiments.ahead(
                down=bool(knobs) or lower is not None,
                up=bool(knobs) or higher is not None,
                treatments=[k.treatments[0].interventions for k in knobs if k.metric == self.case.metric],
            )
            self.lr_arms(experiments, bool(knobs), lower is not None, higher is not None)
        winner = self.knobs.best_knob(knobs, experiments, steps)
        if winner is not None:
            return True
        if experiments.trials and not experiments.best()[1].score < STUCK:
            if self.facts.suppose_harmful(knobs):
                return True
            if self.knobs.once_longer(knobs, experiments) is not None:
                return True
        if not blocked and not self.case.lr_retuned:
            self.rates.judge_lr(experiments, lower, higher)
        return False

    @staticmethod
    def lr_arms(experiments: LrExperiments, knobs: bool, lower: bool, higher: bool) -> None:
        experiments.control()
        if lower or knobs:
            experiments.down()
        if higher or knobs:
            experiments.up()
        if knobs or lower or higher:
            experiments.centre()

    def compare_replay(self) -> None:
        """Say so where an unchanged replay does not repeat the watched run."""
        if not self.case.repeats():
            self.case.result.notes.append(
                "an unchanged replay does not repeat the watched run (the script is not deterministic, or its loader "
                "workers draw random numbers of their own); runs were compared with each other, not with it, and the "
                "deciding ones made three times more"
            )

    def remarks(self, suspicions: Sequence[Suspicion]) -> None:
        for suspicion in suspicions:
            if suspicion.check not in self.case.settled:
                self.case.settled.add(suspicion.check)
                self.case.conclude(suspicion, None, None)

    def explain_symptoms(self) -> None:
        """A symptom stands under the cause whose treated run does not show it; else for itself."""
        remaining = {s.check for s in self.ask(self.case.current) if s.rule is Rule.SYMPTOM}
        for symptom in self.symptoms:
            cause = next(
                (
                    p
                    for p in self.case.result.proven
                    if p.finding.severity is not Severity.ADVICE and symptom.check in p.suspicion.explains
                ),
                None,
            )
            crashed = next((p for p in self.case.result.proven if p.finding.check == "script-crashed"), None)
            if cause is not None and (symptom.check not in remaining or self.case.current is self.case.observed):
                seen = (*cause.finding.explains, symptom.check)
                cause.finding = msgspec.structs.replace(cause.finding, explains=tuple(dict.fromkeys(seen)))
            elif symptom.last_resort and self.case.has_cause():
                continue
            elif symptom.check not in self.case.settled and (crashed is None or symptom.check == "divergence"):
                self.case.conclude(symptom, None, None)


def _ranked(proven: Sequence[Proven]) -> list[Proven]:
    """By rank; among causes, one that was proven later stands before what it brings about."""
    ranked: list[Proven] = []
    for item in sorted(proven, key=_rank):
        brought = (
            i
            for i, other in enumerate(ranked)
            if _rank(item) == _rank(other) == 0
            and other.finding.check in item.suspicion.explains
            and item.finding.check not in other.suspicion.explains
        )
        ranked.insert(next(brought, len(ranked)), item)
    return ranked


def _rank(proven: Proven) -> int:
    """Causes before symptoms before advice; otherwise in the order in which they were proven."""
    if proven.finding.severity is Severity.ADVICE:
        return 2
    return 1 if proven.suspicion.rule is Rule.SYMPTOM else 0
