"""suspect → prove → rank: pure logic over recordings and the replays that it is given.

The order (``docs/proof.md``): facts of the program first, then the suspicions whose fix works
through the optimisation against the best run at another learning rate alone, and the learning
rate last, because nearly every fault looks like a learning rate that is too high.  A confirmed
treatment stays on and the search goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import (
    Edit,
    Finding,
    Fix,
    Intervention,
    Proof,
    Rule,
    Severity,
    Suspicion,
    Treatment,
)
from sgd_doctor.lab import Lab, Trial
from sgd_doctor.learning_rate import (
    GAIN_DOWN,
    GAIN_LONG,
    GAIN_UP,
    NEAR,
    LrAnswer,
    LrExperiments,
    centre_factor,
    obstacle,
    user_lr,
)
from sgd_doctor.recording import HeldOut, Recording
from sgd_doctor.report import RuledOut

ROUNDS = 4
SHORT, LONG = 100, 300
"""Steps of a deciding run and of a confirming one (K = 100 is reliable, 200-300 for the choice of lr)."""
LEAST_STEPS = 10
FACT_GAIN = 0.02
KNOB_GAIN = 0.1
KNOB_MARGIN = {"unnormalized-inputs": 0.1}
"""How far a treated run has to beat the best lr-only run (input bench: .13 gives P .91, R 1.0)."""
DEFAULT_MARGIN = 0.05
SMELL_SHARE = 0.8
HELD_OUT_GAIN = 0.03
HELD_OUT_SHARE = 0.1
LEARNED = 0.9
"""A training loss above this share of the trivial one means that the decay only stopped the learning."""
MAX_LONG = 2000
SAME_STEPS = 5
SAME_LOSS = 1e-3
"""Relative difference that other thread counts explain over the first steps."""
NOT_LEARNING = 0.85
"""Share of the starting loss above which a run counts as not learning."""


@dataclass
class Proven:
    """A suspicion that became a finding, with what it takes to build the source edit."""

    finding: Finding
    suspicion: Suspicion
    edits: tuple[Edit, ...] = ()
    optimizer_line: int | None = None
    hyperparameters: dict[str, float] = field(default_factory=dict)
    """What the optimizer was built with, so that an edit is made only where the source says the same."""


@dataclass
class Diagnosis:
    """What the examination came to."""

    proven: list[Proven] = field(default_factory=list)
    ruled_out: list[RuledOut] = field(default_factory=list)
    not_checked: list[RuledOut] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
        self.lab, self.checks, self.seconds_left, self.probes = lab, checks, seconds_left, probes
        self.observed = lab.observed
        self.result = Diagnosis()
        self.applied: tuple[Intervention, ...] = ()
        self.current: Recording = lab.observed
        self.metric = "loss"
        self.symptoms: list[Suspicion] = []
        self.settled: set[str] = set()
        self.lr_retuned = False

    # -- the whole

    def examine(self) -> Diagnosis:
        """Run the rounds until nothing more is found."""
        first = self.ask(self.observed, note=True)
        self.symptoms = [s for s in first if s.rule is Rule.SYMPTOM]
        suspicions = first
        for _ in range(ROUNDS):
            open_ = [s for s in suspicions if s.check not in self.settled and s.rule is not Rule.SYMPTOM]
            facts = [s for s in open_ if s.rule is Rule.FACT]
            if facts:
                go_on = self.prove_fact(facts[0])
            else:
                go_on = self.experiments([s for s in open_ if s.rule is not Rule.NOTE])
            if not go_on:
                break
            suspicions = self.ask(self.current)
        self.held_out([s for s in first if s.rule is Rule.HELD_OUT])
        self.remarks([s for s in first if s.rule is Rule.NOTE])
        self.explain_symptoms()
        self.compare_replay()
        self.result.proven.sort(key=_rank)
        return self.result

    def ask(self, recording: Recording, *, note: bool = False) -> list[Suspicion]:
        """What every check makes of ``recording``; an exception in one is a note, not the end."""
        found: list[Suspicion] = []
        for check in self.checks:
            try:
                suspicion = check.suspect(recording)
            except NotChecked as reason:
                if note:
                    self.result.not_checked.append(RuledOut(check.name, str(reason)))
                continue
            except Exception as error:
                self.result.notes.append(f"check {check.name} failed: {type(error).__name__}: {error}")
                continue
            if suspicion is not None:
                found.append(suspicion)
            elif note:
                self.result.passed.append(check.name)
        return found

    # -- how long replays are

    def can_probe(self) -> bool:
        return self.probes and self.observed.facts.backwards > 0 and self.seconds_left() > 1.0

    def length(self, wanted: int, arms: int = 4) -> int:
        """Steps of a replay: what is wanted, as far as the script is long and the time suffices."""
        done = max(self.observed.steps, self.observed.facts.backwards)
        ended = self.observed.facts.ended in ("finished", "crashed")
        available = done if ended else max(done, wanted)
        per_step = self.observed.facts.seconds / max(1, done)
        affordable = self.seconds_left() / max(1e-6, per_step * arms)
        return max(1, int(min(wanted, available, max(affordable, 2 * LEAST_STEPS))))

    # -- facts

    def prove_fact(self, suspicion: Suspicion) -> bool:
        """Certain already; the treated run shows what the change is worth.  True if the search may go on."""
        self.settled.add(suspicion.check)
        if not suspicion.treatments or not self.can_probe():
            self.conclude(suspicion, None, None)
            return False
        steps = self.length(SHORT)
        treatment = suspicion.treatments[0]
        control, treated = self.lab.run(
            [self.applied, (*self.applied, *treatment.interventions)],
            steps,
            suspicion.metric,
            f"{suspicion.check}: the same loop, {treatment.label}",
        )
        best, factor = treated, 1.0
        if not control.score - treated.score > NEAR and not obstacle(self.observed):
            best, factor = self.retuned(suspicion, treatment, steps, treated)
        gain = control.score - best.score
        applied = treatment.interventions
        if suspicion.needs_harm and not gain > FACT_GAIN and treated.recording is not None:
            self.conclude(suspicion, control, best, severity=Severity.ADVICE)
            return True
        self.conclude(suspicion, control, best, lr_factor=factor)
        self.adopt(applied, best, factor, treated)
        return treated.recording is not None and treated.recording.steps > 0

    def retuned(self, suspicion: Suspicion, treatment: Treatment, steps: int, treated: Trial) -> tuple[Trial, float]:
        """The treated loop at other rates: a fault can act as a larger or smaller lr that hides its repair."""
        experiments = LrExperiments(self.lab, (*self.applied, *treatment.interventions), suspicion.metric, steps)
        experiments.trials[1.0] = treated
        factors = [0.1, 10.0]
        own = centre_factor(treated.recording) if treated.recording is not None else None
        if own is not None and 1e-6 < own < 1e6:
            factors.append(own)
        experiments.at(factors, why=f"{suspicion.check}: the repaired loop at other learning rates")
        factor, best = experiments.best()
        return (best, factor) if treated.score - best.score > NEAR else (treated, 1.0)

    def adopt(self, interventions: tuple[Intervention, ...], best: Trial, factor: float, plain: Trial) -> None:
        """A confirmed treatment stays on."""
        self.applied = (*self.applied, *interventions)
        if factor != 1.0:
            self.applied = best.interventions
            self.lr_retuned = True
        chosen = best if factor != 1.0 else plain
        if chosen.recording is not None:
            self.current = chosen.recording

    # -- experiments

    def experiments(self, suspicions: Sequence[Suspicion]) -> bool:
        """Knobs against the learning rate.  True if something was confirmed that may hide more."""
        if not suspicions:
            return False
        if not self.can_probe():
            self.unproven(suspicions)
            return False
        long = [s for s in suspicions if s.long]
        for suspicion in long:
            if self.prove_long(suspicion):
                return True
        knobs = [s for s in suspicions if s.rule in (Rule.KNOB, Rule.SMELL) and not s.long]
        return self.compare(knobs, suspicions)

    def unproven(self, suspicions: Sequence[Suspicion]) -> None:
        why = "no replay was possible" if self.probes else "probes are switched off"
        if self.probes and self.seconds_left() <= 1.0:
            why = "the time budget was spent"
        for suspicion in suspicions:
            self.settled.add(suspicion.check)
            self.result.not_checked.append(RuledOut(suspicion.check, f"suspected, but {why}"))

    def prove_long(self, suspicion: Suspicion) -> bool:
        self.settled.add(suspicion.check)
        steps = self.length(min(MAX_LONG, self.observed.steps), arms=2)
        arms = [self.applied, (*self.applied, *suspicion.treatments[0].interventions)]
        control, treated = self.lab.run(
            arms, steps, suspicion.metric, f"{suspicion.check}: {suspicion.treatments[0].label}"
        )
        if control.score - treated.score > NEAR:
            self.conclude(suspicion, control, treated)
            self.adopt(suspicion.treatments[0].interventions, treated, 1.0, treated)
            return True
        self.conclude(suspicion, control, treated, severity=Severity.ADVICE)
        return False

    def compare(self, knobs: Sequence[Suspicion], suspicions: Sequence[Suspicion]) -> bool:
        lower = next((s for s in suspicions if s.rule is Rule.LOWER_LR), None)
        higher = next((s for s in suspicions if s.rule is Rule.HIGHER_LR), None)
        blocked = obstacle(self.observed)
        if blocked:
            self.blocked([s for s in (lower, higher) if s is not None], blocked)
            lower = higher = None
        if not knobs and lower is None and higher is None:
            return False
        steps = self.length(SHORT, arms=6)
        if steps < LEAST_STEPS:
            self.blocked(suspicions, f"{steps} steps are too few to compare runs")
            return False
        experiments = LrExperiments(self.lab, self.applied, self.metric, steps)
        if not blocked:
            self.lr_arms(experiments, bool(knobs), lower is not None, higher is not None)
        winner = self.best_knob(knobs, experiments, steps)
        if winner is not None:
            return True
        if not blocked and not self.lr_retuned:
            self.judge_lr(experiments, lower, higher)
        return False

    def blocked(self, suspicions: Sequence[Suspicion], why: str) -> None:
        for suspicion in suspicions:
            self.settled.add(suspicion.check)
            self.result.not_checked.append(RuledOut(suspicion.check, why))

    @staticmethod
    def lr_arms(experiments: LrExperiments, knobs: bool, lower: bool, higher: bool) -> None:
        experiments.control()
        if lower or knobs:
            experiments.down()
        if higher or knobs:
            experiments.up()
        if knobs or lower or higher:
            experiments.centre()

    def best_knob(self, knobs: Sequence[Suspicion], experiments: LrExperiments, steps: int) -> Suspicion | None:
        """The suspicion whose treated run beats every run at another lr alone by a clear margin."""
        control = experiments.control()
        lr_factor, lr_best = experiments.best() if experiments.trials else (1.0, control)
        results: list[tuple[float, Suspicion, Trial, float, Trial]] = []
        for suspicion in knobs:
            best, factor, plain = self.treated_arms(suspicion, experiments, steps)
            gain = control.score - best.score
            margin = KNOB_MARGIN.get(suspicion.check, DEFAULT_MARGIN)
            enough = lr_best.score - best.score >= margin
            if suspicion.rule is Rule.SMELL:
                enough = gain >= SMELL_SHARE * (control.score - lr_best.score)
            if (
                gain > KNOB_GAIN
                and enough
                and self.holds_again(suspicion, best, lr_best, margin, steps)
                and self.held_out_agrees(suspicion, best)
            ):
                results.append((gain, suspicion, best, factor, plain))
            else:
                self.rule_out(suspicion, control, best, lr_best, lr_factor)
        if not results:
            return None
        gain, suspicion, best, factor, plain = max(results, key=lambda r: r[0])
        alone = control.score - plain.score
        retuned = factor if alone < SMELL_SHARE * gain else 1.0
        self.settled.add(suspicion.check)
        self.conclude(suspicion, control, best if retuned != 1.0 else plain, lr_factor=retuned)
        self.adopt(suspicion.treatments[0].interventions, best, retuned, plain)
        return suspicion

    def treated_arms(self, suspicion: Suspicion, experiments: LrExperiments, steps: int) -> tuple[Trial, float, Trial]:
        """The treated loop at the user's lr, at its own centre, and at the best of the lr-only runs."""
        own = LrExperiments(self.lab, (*self.applied, *suspicion.treatments[0].interventions), self.metric, steps)
        plain = own.at([1.0], why=f"{suspicion.check}: the same loop, {suspicion.treatments[0].label}")[0]
        if experiments.trials:
            factors = {round(experiments.best()[0], 12), 0.1, 10.0} - {1.0}
            own.at(sorted(factors), why=f"{suspicion.check}: treated, at other learning rates")
            own.centre()
        factor, best = own.best()
        return best, factor, plain

    def holds_again(self, suspicion: Suspicion, best: Trial, lr_best: Trial, margin: float, steps: int) -> bool:
        """The deciding pair once more with other random numbers."""
        reseed = Intervention("reseed", "other seed", {"seed": 20_011})
        again, other = self.lab.run(
            [(reseed, *best.interventions), (reseed, *lr_best.interventions)],
            steps,
            self.metric,
            f"{suspicion.check}: once more with another seed",
        )
        return other.score - again.score >= margin / 2

    def held_out_agrees(self, suspicion: Suspicion, best: Trial) -> bool:
        """Where held-out data are evaluated, a change that only fits the training data better is no repair."""
        if not suspicion.regularises or last_held_out(self.observed) is None:
            return True
        steps = self.length(min(MAX_LONG, self.observed.steps), arms=2)
        arms = [self.applied, best.interventions]
        control, treated = self.lab.run(arms, steps, "task_loss", f"{suspicion.check}: what do held-out data say?")
        before, after = last_held_out(control.recording), last_held_out(treated.recording)
        return before is None or after is None or after < before

    def rule_out(self, suspicion: Suspicion, control: Trial, best: Trial, lr_best: Trial, lr_factor: float) -> None:
        self.settled.add(suspicion.check)
        if control.score - best.score <= KNOB_GAIN:
            reason = f"{suspicion.treatments[0].label}: no better (loss {_show(best.raw)} against {_show(control.raw)})"
        else:
            reason = (
                f"another lr alone does as well ({lr_factor:.3g} × lr: loss {_show(lr_best.raw)}, "
                f"{suspicion.treatments[0].label}: {_show(best.raw)})"
            )
        self.result.ruled_out.append(RuledOut(suspicion.check, reason))

    # -- learning rate

    def judge_lr(self, experiments: LrExperiments, lower: Suspicion | None, higher: Suspicion | None) -> None:
        control = experiments.control()
        factor, best = experiments.best()
        gain = control.score - best.score
        wanted = lower if factor < 1 else higher
        least = GAIN_DOWN if factor < 1 else GAIN_UP
        if factor == 1.0 or wanted is None or not gain > least:
            for suspicion in (lower, higher):
                if suspicion is not None:
                    self.settled.add(suspicion.check)
                    self.result.ruled_out.append(RuledOut(suspicion.check, _lr_reason(experiments, factor < 1)))
            return
        answer = experiments.answer(self.length(LONG, arms=4))
        self.settled |= {s.check for s in (lower, higher) if s is not None}
        severity = self.lr_severity(answer, wanted)
        if severity is None or not self.lr_holds_again(answer):
            self.result.ruled_out.append(RuledOut(wanted.check, _lr_reason(experiments, factor < 1)))
            return
        self.conclude_lr(wanted, answer, severity)

    def lr_severity(self, answer: LrAnswer, suspicion: Suspicion) -> Severity | None:
        """Error where the run learns next to nothing, warning where clearly less, advice where only slower."""
        scale = self.lab.scale(self.metric, answer.control.steps)
        if not answer.gain > GAIN_LONG or scale is None or (answer.factor < 1) != (suspicion.rule is Rule.LOWER_LR):
            return None
        start = self._start(scale.bounded)
        end = answer.control.score
        if not self.applied:
            end = scale.score(self.observed, self.observed.steps)
        if end <= answer.best.score + NEAR:
            return Severity.ADVICE if suspicion.rule is Rule.HIGHER_LR else None
        way = start - answer.best.score
        share = (start - end) / way if way > 0 else 0.0
        finished = self.observed.facts.ended == "finished"
        if suspicion.rule is Rule.HIGHER_LR and share > (0.8 if finished else 0.5):
            return Severity.ADVICE
        return Severity.ERROR if not share > 1 - NOT_LEARNING or end > NOT_LEARNING * start else Severity.WARNING

    def _start(self, bounded: Callable[[float], float]) -> float:
        first = stats.finite_median(self.observed.column(self.metric)[:3])
        return bounded(first) if math.isfinite(first) else 1.0

    def lr_holds_again(self, answer: LrAnswer) -> bool:
        reseed = Intervention("reseed", "other seed", {"seed": 20_011})
        again, control = self.lab.run(
            [(reseed, *answer.best.interventions), (reseed, *answer.control.interventions)],
            answer.best.steps,
            self.metric,
            "the deciding pair of learning rates once more with another seed",
        )
        return control.score - again.score > GAIN_LONG / 2

    def conclude_lr(self, suspicion: Suspicion, answer: LrAnswer, severity: Severity) -> None:
        lr = user_lr(self.observed)
        value = stats.round_lr(lr * answer.factor)
        low, high = stats.round_lr(lr * answer.low), stats.round_lr(lr * answer.high)
        ranged = f"; {low:g} to {high:g} work about as well" if low < high else ""
        verb = "is too high" if suspicion.rule is Rule.LOWER_LR else "is too low"
        if severity is Severity.ADVICE:
            verb = "works, but a larger one learns faster"
        title = (
            f"lr {lr:.3g} {verb}: after {answer.best.steps} steps the loss is {_show(answer.control.raw)}, "
            f"with lr {value:g} {_show(answer.best.raw)}"
        )
        suspicion = msgspec.structs.replace(
            suspicion,
            title=title,
            advice=f"set lr={value:g}{ranged}",
            edits=(Edit("set-optimizer-arg", {"arg": "lr", "value": value}),),
        )
        self.conclude(suspicion, answer.control, answer.best, severity=severity)
        self.applied = answer.best.interventions
        if answer.best.recording is not None:
            self.current = answer.best.recording

    # -- held-out data

    def held_out(self, suspicions: Sequence[Suspicion]) -> None:
        for suspicion in suspicions:
            if suspicion.check in self.settled or self.has_cause():
                continue
            self.settled.add(suspicion.check)
            if not self.can_probe():
                self.unproven([suspicion])
                continue
            self.prove_held_out(suspicion)

    def prove_held_out(self, suspicion: Suspicion) -> None:
        """Full-length runs with several values; the held-out loss at the end decides."""
        steps = self.length(min(self.observed.steps, MAX_LONG), arms=len(suspicion.treatments) + 2)
        if steps < 0.8 * self.observed.steps:
            why = "the time budget is too short for full-length runs"
            self.result.not_checked.append(RuledOut(suspicion.check, why))
            return
        control, value, treatment = self.held_out_arms(suspicion, steps)
        if control is None or value is None or treatment is None:
            why = "no replay both learned and evaluated held-out data"
            self.result.not_checked.append(RuledOut(suspicion.check, why))
            return
        task = self.observed.facts.task
        trivial = task.trivial_loss if task is not None and task.trivial_loss else math.inf
        if not control - value > max(HELD_OUT_GAIN * trivial, HELD_OUT_SHARE * control):
            why = f"held-out loss {control:.3g} as written, {value:.3g} at best with weight decay"
            self.result.ruled_out.append(RuledOut(suspicion.check, why))
            return
        decay = treatment.interventions[0].args["value"]
        suspicion = msgspec.structs.replace(
            suspicion,
            title=f"{suspicion.title}; with weight_decay={decay:g} the held-out loss is {value:.3g}",
            advice=f"set weight_decay={decay:g}; stopping early at the best held-out loss often gains as much",
            edits=(Edit("set-optimizer-arg", {"arg": "weight_decay", "value": decay}),),
        )
        proof = Proof(treatment.label, "held_out_loss", control, value, steps)
        self.add(_finding(suspicion, proof, suspicion.severity), suspicion, suspicion.edits)

    def held_out_arms(
        self, suspicion: Suspicion, steps: int
    ) -> tuple[float | None, float | None, Treatment | None]:
        """Held-out loss as written, the lowest one of the treated runs that still learn, and its treatment."""
        why = f"{suspicion.check}: does weight decay lower the held-out loss?"
        arms: list[tuple[Intervention, ...]] = [(), *(t.interventions for t in suspicion.treatments)]
        trials = self.lab.run(arms, steps, "task_loss", why)
        control = last_held_out(trials[0].recording)
        found = [
            (value, treatment)
            for trial, treatment in zip(trials[1:], suspicion.treatments, strict=True)
            if trial.score < LEARNED and (value := last_held_out(trial.recording)) is not None
        ]
        value, treatment = min(found, key=lambda f: f[0], default=(None, None))
        return control, value, treatment

    # -- the end

    def compare_replay(self) -> None:
        """Say so where an unchanged replay does not repeat the watched run."""
        control = next((r for (arm, _, _), r in self.lab.done.items() if not arm and r is not None), None)
        if control is None:
            return
        count = min(SAME_STEPS, control.steps, self.observed.steps)
        ours, theirs = self.observed.column("loss")[:count], control.column("loss")[:count]
        if not np.allclose(ours, theirs, rtol=SAME_LOSS, equal_nan=True):
            self.result.notes.append(
                "an unchanged replay does not repeat the watched run (the script is not deterministic, or its loader "
                "workers draw random numbers of their own); runs were compared with each other, not with it"
            )

    def has_cause(self) -> bool:
        return any(p.finding.severity is not Severity.ADVICE for p in self.result.proven)

    def remarks(self, suspicions: Sequence[Suspicion]) -> None:
        for suspicion in suspicions:
            if suspicion.check not in self.settled:
                self.settled.add(suspicion.check)
                self.conclude(suspicion, None, None)

    def explain_symptoms(self) -> None:
        """A symptom stands under the cause whose treated run does not show it; else for itself."""
        remaining = {s.check for s in self.ask(self.current) if s.rule is Rule.SYMPTOM}
        for symptom in self.symptoms:
            cause = next(
                (
                    p
                    for p in self.result.proven
                    if p.finding.severity is not Severity.ADVICE and symptom.check in p.suspicion.explains
                ),
                None,
            )
            crashed = next((p for p in self.result.proven if p.finding.check == "script-crashed"), None)
            if cause is not None and (symptom.check not in remaining or self.current is self.observed):
                seen = (*cause.finding.explains, symptom.check)
                cause.finding = msgspec.structs.replace(cause.finding, explains=tuple(dict.fromkeys(seen)))
            elif crashed is None or symptom.check == "divergence":
                self.conclude(symptom, None, None)

    def conclude(
        self,
        suspicion: Suspicion,
        control: Trial | None,
        treated: Trial | None,
        *,
        severity: Severity | None = None,
        lr_factor: float = 1.0,
    ) -> None:
        """Turn a suspicion into a finding."""
        proof = None
        if control is not None and treated is not None and treated.recording is not None:
            proof = self.proof(control, treated, suspicion.metric)
        edits = suspicion.edits
        if lr_factor != 1.0:
            value = stats.round_lr(user_lr(self.observed) * lr_factor)
            suspicion = msgspec.structs.replace(suspicion, advice=f"{suspicion.advice}, and set lr={value:g}")
            edits = (*edits, Edit("set-optimizer-arg", {"arg": "lr", "value": value})) if edits else ()
        level = severity or suspicion.severity
        if level is Severity.ADVICE and suspicion.severity is not Severity.ADVICE and suspicion.needs_harm:
            suspicion = msgspec.structs.replace(suspicion, title=f"{suspicion.title} (no harm measured)")
        self.add(_finding(suspicion, proof, level), suspicion, edits)

    def add(self, finding: Finding, suspicion: Suspicion, edits: tuple[Edit, ...]) -> None:
        optimizers = self.observed.facts.optimizers
        built = self.observed.location(optimizers[0].site) if optimizers else None
        same = built is not None and finding.location is not None and built.path == finding.location.path
        group = optimizers[0].groups[0] if optimizers and optimizers[0].groups else {}
        values = {k: float(v) for k, v in group.items() if v is not None}
        line = built.line if built is not None and same else None
        self.result.proven.append(Proven(finding, suspicion, edits, line, values))

    def proof(self, control: Trial, treated: Trial, metric: str) -> Proof:
        scale = self.lab.scale(metric, treated.steps)
        noise = None
        if scale is not None and control.recording is not None and treated.recording is not None:
            width = stats.paired_interval(
                scale.tail(control.recording, treated.steps), scale.tail(treated.recording, treated.steps)
            )
            noise = width if math.isfinite(width) else None
        return Proof(treated.label, metric, control.raw, treated.raw, treated.steps, noise)


def _finding(suspicion: Suspicion, proof: Proof | None, severity: Severity) -> Finding:
    return Finding(
        check=suspicion.check,
        severity=severity,
        confidence=suspicion.confidence,
        title=suspicion.title,
        location=suspicion.location,
        evidence=suspicion.evidence,
        proof=proof,
        fix=Fix(text=suspicion.advice),
    )


def _rank(proven: Proven) -> int:
    """Causes before symptoms before advice; otherwise in the order in which they were proven."""
    if proven.finding.severity is Severity.ADVICE:
        return 2
    return 1 if proven.suspicion.rule is Rule.SYMPTOM else 0


def last_held_out(recording: Recording | None) -> float | None:
    """The last loss of the evaluation pass that ends highest (held-out data rather than training data)."""
    if recording is None:
        return None
    groups: list[HeldOut] = [h for h in recording.facts.held_out if h.loss and h.loss[-1] is not None]
    return max((h.loss[-1] for h in groups if h.loss[-1] is not None), default=None)


def _lr_reason(experiments: LrExperiments, down: bool) -> str:
    shown = [
        f"{experiments.lr * f:.3g}: {_show(t.raw)}"
        for f, t in sorted(experiments.trials.items())
        if (f <= 1) == down or f == 1
    ]
    return f"loss after {experiments.steps} steps by lr: " + ", ".join(shown)


def _show(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"
