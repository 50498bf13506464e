"""Weight decay, and a smaller learning rate in its place, judged by held-out data over full-length runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from sgd_doctor.findings import Edit, Intervention, Proof, Rule, Severity, Suspicion, Treatment
from sgd_doctor.lab import scaled_lr
from sgd_doctor.learning_rate import obstacle, user_lr
from sgd_doctor.proof.case import MAX_LONG, Case, finding_of
from sgd_doctor.recording import HeldOut, Recording
from sgd_doctor.report import RuledOut
from sgd_doctor.stats import last_stage

HELD_OUT_GAIN = 0.03
"""Least fall of the held-out loss, in units of the trivial loss (weight-decay bench)."""
HELD_OUT_SHARE = 0.1
"""Least fall as a share of the held-out loss as written."""
LATEST = 4
"""The last quarter of the evaluations, one at least, speaks for the end."""
WORKS = 1 / 3
"""A held-out loss as written below this share of the trivial one is that of a model that works: more decay is advice
(faulty samples have .44 and more)."""
TENTH = 0.1
"""Share of the learning rate that is tried in place of more decay, as in the experiments on a rate that is too high."""
LEARNED = 0.9
"""A training loss above this share of the trivial one means that the decay only stopped the learning."""


class HeldOutProver:
    """Reruns the whole loop with other weight decay and compares the held-out loss."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def prove(self, suspicions: Sequence[Suspicion]) -> None:
        """Only where no cause was found that would have to be mended first."""
        for suspicion in suspicions:
            if suspicion.check in self.case.settled or self.case.has_cause():
                continue
            self.case.settled.add(suspicion.check)
            if not self.case.can_probe():
                self.case.unproven([suspicion])
                continue
            self.compare(suspicion)

    def compare(self, suspicion: Suspicion) -> None:
        """Full-length runs with several values; the held-out loss at the end decides."""
        steps = self.case.length(min(self.case.observed.steps, MAX_LONG), arms=len(suspicion.treatments) + 2)
        if steps < 0.8 * self.case.observed.steps:
            why = "the time budget is too short for full-length runs"
            self.case.result.not_checked.append(RuledOut(suspicion.check, why))
            return
        control, value, treatment = self.arms(suspicion, steps)
        if control is None or value is None or treatment is None:
            why = "no replay both learned and evaluated held-out data"
            self.case.result.not_checked.append(RuledOut(suspicion.check, why))
            return
        task = self.case.observed.facts.task
        trivial = task.trivial_loss if task is not None and task.trivial_loss else math.inf
        if not (clearly_lower(control, value, trivial) and value < trivial):
            why = f"held-out loss {control:.3g} as written, {value:.3g} at best with weight decay"
            self.case.rule_out(suspicion, why)
            return
        if self.smaller_rate(suspicion, control, value, steps):
            return
        if not self.holds_again(suspicion, treatment, steps):
            why = f"held-out loss {value:.3g} instead of {control:.3g} with weight decay, but not with another seed"
            self.case.rule_out(suspicion, why)
            return
        decay = treatment.interventions[0].args["value"]
        severity = Severity.ADVICE if control < WORKS * trivial else suspicion.severity
        suspicion = msgspec.structs.replace(
            suspicion,
            title=f"{suspicion.title}; with weight_decay={decay:g} the held-out loss is {value:.3g}",
            advice=f"set weight_decay={decay:g}; stopping early at the best held-out loss often gains as much",
            edits=(Edit("set-optimizer-arg", {"arg": "weight_decay", "value": decay}),),
        )
        proof = Proof(treatment.label, "held_out_loss", control, value, steps)
        self.case.add(finding_of(suspicion, proof, severity), suspicion, suspicion.edits)

    def smaller_rate(self, suspicion: Suspicion, control: float, value: float, steps: int) -> bool:
        """Whether a tenth of the learning rate, where that is suspected, fits as well and serves unseen data better."""
        lower = next((s for s in self.case.ask(self.case.observed) if s.rule is Rule.LOWER_LR), None)
        if lower is None or obstacle(self.case.observed):
            return False
        lr = user_lr(self.case.observed)
        treatment = Treatment((scaled_lr(TENTH, lr),))
        why = f"{suspicion.check}: does a smaller learning rate serve held-out data as well?"
        written, smaller = self.case.lab.run([(), treatment.interventions], steps, "task_loss", why)
        held = last_held_out(smaller.recording)
        if held is None or held > value or smaller.score > written.score:
            return False
        if not self.holds_again(lower, treatment, steps):
            return False
        lower = msgspec.structs.replace(
            lower,
            title=f"lr {lr:.3g} is too high: after {steps} steps the held-out loss is {control:.3g}, "
            f"with lr {TENTH * lr:.3g} it is {held:.3g}",
            advice=f"set lr={TENTH * lr:.3g}",
            edits=(Edit("set-optimizer-arg", {"arg": "lr", "value": TENTH * lr}),),
        )
        self.case.rule_out(suspicion, f"{treatment.label} does as well without more decay (held-out loss {held:.3g})")
        proof = Proof(treatment.label, "held_out_loss", control, held, steps)
        self.case.add(finding_of(lower, proof, Severity.WARNING), lower, lower.edits)
        return True

    def holds_again(self, suspicion: Suspicion, treatment: Treatment, steps: int) -> bool:
        """The deciding pair once more with other random numbers; held-out losses are noisy."""
        pairs = self.case.again((), treatment.interventions, steps, "task_loss", suspicion.check)
        written = last_held_out(self.case.observed)
        for plain, changed in pairs:
            control, treated = last_held_out(plain.recording), last_held_out(changed.recording)
            if control is None or treated is None or written is None:
                return False
            if not (control - treated > HELD_OUT_SHARE / 2 * control and treated < written):
                return False
        return True

    def arms(self, suspicion: Suspicion, steps: int) -> tuple[float | None, float | None, Treatment | None]:
        """Held-out loss as written, the lowest one of the treated runs that still learn, and its treatment."""
        why = f"{suspicion.check}: does weight decay lower the held-out loss?"
        arms: list[tuple[Intervention, ...]] = [(), *(t.interventions for t in suspicion.treatments)]
        trials = self.case.lab.run(arms, steps, "task_loss", why)
        control = last_held_out(trials[0].recording)
        found = [
            (value, treatment)
            for trial, treatment in zip(trials[1:], suspicion.treatments, strict=True)
            if trial.score < LEARNED and (value := last_held_out(trial.recording)) is not None
        ]
        value, treatment = min(found, key=lambda f: f[0], default=(None, None))
        return control, value, treatment


def clearly_lower(before: float, after: float, trivial: float) -> bool:
    """Whether a held-out loss fell by more than chance explains, for a constant answer's loss of ``trivial``."""
    return before - after > max(HELD_OUT_GAIN * trivial, HELD_OUT_SHARE * before)


def last_accuracy(recording: Recording | None) -> float | None:
    """The accuracy of the last evaluations at the place that ends lowest, as :func:`last_held_out`."""
    return min(_last(recording, "accuracy"), default=None)


def last_error(recording: Recording | None) -> float | None:
    """The share of held-out samples that were wrong at last, in the pass that ends highest."""
    accuracy = last_accuracy(recording)
    return 1 - accuracy if accuracy is not None else None


def last_held_out(recording: Recording | None) -> float | None:
    """The loss of the last evaluations at the place that ends highest (held-out data rather than training data), of
    those that were made since the last stage of the script began."""
    return max(_last(recording, "loss"), default=None)


def _last(recording: Recording | None, measure: Literal["loss", "accuracy"]) -> list[float]:
    """The mean of the last evaluations at each place (one differs from the next by as much as a decay is worth); only
    those since the last stage began, where there are any."""
    if recording is None:
        return []
    stage = last_stage(recording.column("optimizer"))
    found = [_since(held, getattr(held, measure), stage) for held in recording.facts.held_out]
    found = found if any(found) else [_since(held, getattr(held, measure), -1) for held in recording.facts.held_out]
    return [math.fsum(tail) / len(tail) for values in found if (tail := values[-max(1, len(values) // LATEST) :])]


def _since(held: HeldOut, values: Sequence[float | None], stage: int) -> list[float]:
    """What was evaluated after the step ``stage``; nothing where the last evaluation told nothing."""
    if not values or values[-1] is None:
        return []
    return [value for step, value in zip(held.steps, values, strict=True) if step > stage and value is not None]


HELD_OUT = {"held_out_loss": last_held_out, "held_out_error": last_error}
"""What a recording says at last, by the metric of a proof."""
