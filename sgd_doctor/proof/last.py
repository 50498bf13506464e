"""What is left to ask where nothing else was found: can the loop learn anything at all?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from sgd_doctor import stats
from sgd_doctor.findings import Evidence, Intervention, Rule, Severity, Suspicion, finite
from sgd_doctor.lab import Trial
from sgd_doctor.learning_rate import LrExperiments, obstacle
from sgd_doctor.proof.case import SET_ASIDE, Case, shown
from sgd_doctor.recording import Recording

STEPS, LEAST_STEPS = 200, 100
"""Steps within which a sound loop memorises one batch; with fewer than the second nothing is said about it."""
STUCK = 0.9
"""Loss in units of the best constant answer's, above which a run has learned nothing."""
FITTED = 0.5
"""The same for the treated run, below which it has (docs/proof.md: one-batch overfit)."""
FACTORS = (0.1, 1.0, 10.0)
LONGER, MAX_LONGER = 6, 6000
"""A script that was stopped goes on for so many times the watched steps, and at most for so many."""
SURE = 1.5
"""Half-widths of the 95 % interval (three standard errors) by which permuted labels have to be worse."""


LEAST_GAIN = 0.005
"""And by which share of their loss: runs on the same batches differ by so little that the noise alone is no measure."""
NOTHING_UNSEEN = 0.97
"""Loss on samples set aside, in units of the best constant answer's, from which on what was learned is worth nothing to
them. A task that can be learned is far below where its training loss is below STUCK; wrong labels give 1 and more."""
LEAST_UNSEEN = 20
"""Samples set aside that can tell."""
LITTLE = (
    "the loop works, but what it learns is little: compare with a linear model on the same data; more steps, or inputs "
    "that say more about the targets, are what is left to try"
)
MEMORISED = (
    "the loop works on one batch: look at some pairs of input and target by eye, compare with a linear model on the "
    "same data, and train for longer"
)


class Outcome(Enum):
    """What became of a run that stood still; the value names the signal that shows it."""

    RATE = "loss_at_another_lr"
    LATER = "loss_after_more_steps"
    LITTLE = "loss_with_permuted_labels"
    MEMORISES = "loss_of_one_batch"
    NOTHING = "loss_of_one_batch_only"
    UNSEEN = "set_aside_loss"
    OPEN = ""


@dataclass(frozen=True)
class Seen:
    """An outcome with the runs that showed it."""

    outcome: Outcome
    text: str
    control: Trial | None = None
    treated: Trial | None = None


class LastProver:
    """Examines runs that stand still, where no cause was found."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def prove(self, suspicions: Sequence[Suspicion]) -> None:
        """Settle ``suspicions``: what explains the standstill, and the standstill itself (a symptom)."""
        asked = [s for s in suspicions if s.check not in self.case.settled]
        if not asked or self.case.has_cause():
            return
        causes = [s for s in asked if s.rule is Rule.LAST]
        symptoms = [s for s in asked if s.rule is Rule.SYMPTOM]
        self.case.settled |= {s.check for s in asked}
        why = obstacle(self.case.observed)
        if why or not self.case.can_probe():
            self.case.unproven(causes)
            seen = Seen(Outcome.OPEN, why or "nothing more could be rerun")
        else:
            seen = self.examine(asked[-1])
        explained = seen.outcome in (Outcome.MEMORISES, Outcome.UNSEEN) and bool(causes)
        for cause in causes:
            if explained and seen.outcome is Outcome.UNSEEN:
                title = f"the labels seem to have nothing to do with the inputs: {seen.text}"
                self.case.conclude(msgspec.structs.replace(cause, title=title), None, None)
            elif explained:
                self.case.conclude(cause, seen.control, seen.treated)
            elif seen.outcome is not Outcome.OPEN:
                self.case.rule_out(cause, seen.text)
        for symptom in () if explained else symptoms:
            self.name(symptom, seen)

    def name(self, symptom: Suspicion, seen: Seen) -> None:
        """Report the standstill itself, as far as it is one."""
        if seen.outcome is Outcome.LATER:
            self.case.rule_out(symptom, seen.text)
            return
        if seen.outcome is not Outcome.OPEN:
            observed = finite(seen.treated.raw) if seen.treated is not None else None
            evidence = Evidence(seen.outcome.value, observed, "", seen.text)
            symptom = msgspec.structs.replace(symptom, evidence=(*symptom.evidence, evidence))
        if seen.outcome is Outcome.LITTLE:
            title = symptom.title.replace("nothing", "little", 1)
            symptom = msgspec.structs.replace(symptom, title=title, advice=LITTLE)
        elif seen.outcome is not Outcome.NOTHING:
            self.case.result.undecided = f"{symptom.title}; {seen.text}"
        if seen.outcome is Outcome.MEMORISES:
            symptom = msgspec.structs.replace(symptom, advice=MEMORISED)
        severity = Severity.WARNING if seen.outcome is Outcome.NOTHING else Severity.ADVICE
        self.case.conclude(symptom, None, None, severity=severity)

    def examine(self, suspicion: Suspicion) -> Seen:
        """The experiments, the ones that explain it away first."""
        steps = self.case.length(STEPS, arms=8)
        plain = LrExperiments(self.case.lab, self.case.applied, suspicion.metric, steps)
        plain.at(FACTORS, why=f"{suspicion.check}: does any learning rate learn anything?")
        plain.centre()
        factor, best = plain.best()
        if not best.score > STUCK:
            return self.worth_nothing(suspicion, best) or Seen(
                Outcome.RATE, f"at {factor:.3g} × lr the loss is {shown(best.raw)} after {steps} steps"
            )
        treated = {i.name: (i,) for t in suspicion.treatments for i in t.interventions}
        return (
            self.little(suspicion, treated.get("permute-targets"))
            or self.later(suspicion)
            or self.memorises(suspicion, treated.get("one-batch"), plain)
        )

    def worth_nothing(self, suspicion: Suspicion, best: Trial) -> Seen | None:
        """Whether what the best rate learns holds for no sample that was set aside: it is only memorised."""
        task = self.case.observed.facts.task
        why = f"{suspicion.check}: does what is learned hold for samples set aside?"
        trial = self.case.lab.run([(SET_ASIDE, *best.interventions)], best.steps, suspicion.metric, why)[0]
        held = trial.recording.facts.held_out if trial.recording is not None else ()
        aside = next((h for h in held if h.site < 0), None)
        loss = aside.loss[-1] if aside is not None and aside.loss else None
        if task is None or not task.trivial_loss or aside is None or loss is None:
            return None
        if aside.samples < LEAST_UNSEEN or not loss > NOTHING_UNSEEN * task.trivial_loss:
            return None
        text = (
            f"on {aside.samples} samples set aside the loss is {shown(loss)}, that of a constant answer "
            f"{shown(task.trivial_loss)}, though {shown(best.raw)} is reached on the others"
        )
        return Seen(Outcome.UNSEEN, text)

    def little(self, suspicion: Suspicion, permuted: tuple[Intervention, ...] | None) -> Seen | None:
        """Whether labels that tell nothing are clearly worse than the script's own, and not by memorising alone."""
        if permuted is None:
            return None
        steps = self.case.length(min(MAX_LONGER, self.case.observed.steps), arms=3)
        aside = () if self.case.observed.facts.held_out else (SET_ASIDE,)
        arms = [(*aside, *self.case.applied), (*aside, *self.case.applied, *permuted)]
        own, other = self.case.lab.run(arms, steps, suspicion.metric, f"{suspicion.check}: do the labels tell nothing?")
        if own.recording is None or other.recording is None:
            return None
        first, second = (t.recording.column(suspicion.metric)[:steps] for t in (own, other) if t.recording is not None)
        first, second = stats.tail(first, 0.5), stats.tail(second, 0.5)
        gain = stats.finite_mean(second) - stats.finite_mean(first)
        if not gain > max(SURE * stats.paired_interval(second, first), LEAST_GAIN * abs(stats.finite_mean(second))):
            return None
        if self.memorised(own.recording):
            return None
        text = f"with the labels of each batch permuted the loss is {shown(other.raw)}, as written {shown(own.raw)}"
        return Seen(Outcome.LITTLE, text, own, other)

    def memorised(self, recording: Recording) -> bool:
        """Whether no evaluation of unseen samples was ever better than the best constant answer."""
        task = self.case.observed.facts.task
        if task is None or not task.trivial_loss:
            return False
        groups = [[v for v in h.loss if v is not None] for h in recording.facts.held_out if h.samples >= LEAST_UNSEEN]
        return any(min(losses) > task.trivial_loss for losses in groups if losses)

    def later(self, suspicion: Suspicion) -> Seen | None:
        """Whether a script that was stopped learns something when it goes on."""
        observed = self.case.observed
        if observed.facts.ended in ("finished", "crashed"):
            return None
        steps = self.case.length(min(MAX_LONGER, LONGER * observed.steps), arms=3)
        if steps < 2 * observed.steps:
            return None
        longer = self.case.lab.run([self.case.applied], steps, suspicion.metric, f"{suspicion.check}: more steps")[0]
        if longer.score > STUCK:
            return None
        return Seen(Outcome.LATER, f"after {steps} steps the loss is {shown(longer.raw)}: it only learns late")

    def memorises(self, suspicion: Suspicion, one_batch: tuple[Intervention, ...] | None, plain: LrExperiments) -> Seen:
        """Whether one batch over and over can be fitted at any rate."""
        if one_batch is None:
            return Seen(Outcome.OPEN, "no targets were seen, so that no batch could be repeated")
        if plain.steps < LEAST_STEPS:
            return Seen(Outcome.OPEN, f"in {plain.steps} steps no batch can be memorised")
        treated = LrExperiments(self.case.lab, (*self.case.applied, *one_batch), suspicion.metric, plain.steps)
        treated.at(FACTORS, why=f"{suspicion.check}: {one_batch[0].label}")
        treated.centre()
        _, found = treated.best()
        if found.raw is None or found.cut or self.case.out_of_time():
            return Seen(Outcome.OPEN, "the time budget was spent")
        if not found.score < FITTED:
            text = f"not even one batch is memorised: over and over, its loss is {shown(found.raw)} after "
            text += f"{found.steps} steps at the best of {len(treated.trials)} learning rates"
            return Seen(Outcome.NOTHING, text, plain.control(), found)
        text = f"one batch over and over can be memorised (loss {shown(found.raw)}): the loop itself works"
        return Seen(Outcome.MEMORISES, text, plain.control(), found)
