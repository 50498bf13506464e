"""The learning rate, on top of everything that is already confirmed."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from sgd_doctor import stats
from sgd_doctor.findings import Edit, Rule, Severity, Suspicion
from sgd_doctor.lab import Trial
from sgd_doctor.learning_rate import GAIN_DOWN, GAIN_LONG, GAIN_UP, NEAR, LrAnswer, LrExperiments, user_lr
from sgd_doctor.proof.case import LONG, SHORT, Case, shown
from sgd_doctor.proof.held_out import last_held_out
from sgd_doctor.proof.stability import stability
from sgd_doctor.standstill import NOTHING

PLAIN = 0.5
"""A gain that shorter runs show as well: the second seed is tried over fewer steps."""
HALF_WAY = 0.5
"""Share of the best run's fall that a run with a small lr makes, from which on it only learns more slowly (a third of a
sound rate leaves .52 of it and more, and nearly all of the accuracy)."""
NOT_LEARNING = 0.85
"""Share of the starting loss above which a run counts as not learning."""


class RateProver:
    """Judges whether another learning rate is clearly better, and says which."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def judge_lr(self, experiments: LrExperiments, lower: Suspicion | None, higher: Suspicion | None) -> None:
        control = experiments.control()
        factor, best = experiments.best()
        gain = control.score - best.score
        wanted = lower if factor < 1 else higher
        least = GAIN_DOWN if factor < 1 else GAIN_UP
        if factor == 1.0 or wanted is None or not gain > least:
            for suspicion in (lower, higher):
                if suspicion is not None:
                    self.case.rule_out(
                        suspicion, _lr_reason(experiments, suspicion is lower), *experiments.trials.values()
                    )
            return
        answer = experiments.answer(self.case.length(LONG, arms=4))
        self.case.settled |= {s.check for s in (lower, higher) if s is not None}
        severity = self.lr_severity(answer, wanted)
        if severity is not None and wanted is lower and not self.learns(answer.best):
            why = f"{answer.best.label} only does less damage: nothing is learned at any smaller rate"
            self.case.rule_out(wanted, why, answer.best)
            return
        if severity is not None and wanted is higher and self.only_a_constant(answer.best):
            why = f"{answer.best.label} only comes down to what a constant answer has ({shown(answer.best.raw)})"
            self.case.rule_out(wanted, why, answer.best)
            return
        if severity is not None and wanted is higher and self.only_fits_better(answer):
            rate = user_lr(self.case.observed) * answer.factor
            why = f"lr {rate:.3g} lowers the training loss and raises the held-out loss"
            self.case.rule_out(wanted, why)
            return
        again = severity is not None and self.lr_holds_again(answer)
        if again and wanted is higher and self.case.worse_on_unseen(answer.best):
            why = f"{answer.best.label} lowers the training loss and raises that of samples set aside"
            self.case.rule_out(wanted, why)
            return
        if severity is None or not again:
            self.case.rule_out(wanted, _lr_reason(experiments, wanted is lower), answer.best)
            return
        self.conclude_lr(wanted, answer, severity)

    def learns(self, trial: Trial) -> bool:
        """Whether a run ends below its own first loss."""
        scale = self.case.lab.scale(self.case.metric, trial.steps)
        if scale is None or trial.recording is None or not trial.recording.steps:
            return True
        first = float(trial.recording.column(self.case.metric)[0])
        return not math.isfinite(first) or trial.score < scale.bounded(first) - NEAR

    def only_a_constant(self, trial: Trial) -> bool:
        """Whether a run, of a loop whose loss begins far above that of a constant answer, ends at just that."""
        scale = self.case.lab.scale(self.case.metric, trial.steps)
        return scale is not None and scale.trivial and trial.score > NOTHING

    def only_fits_better(self, answer: LrAnswer) -> bool:
        """Whether held-out data that the script evaluates are worse at the better rate: it only overfits sooner."""
        written, better = last_held_out(answer.control.recording), last_held_out(answer.best.recording)
        return written is not None and better is not None and better > written

    def lr_severity(self, answer: LrAnswer, suspicion: Suspicion) -> Severity | None:
        """Error where the run learns next to nothing, warning where clearly less, advice where only slower."""
        scale = self.case.lab.scale(self.case.metric, answer.control.steps)
        if not answer.gain > GAIN_LONG or scale is None or (answer.factor < 1) != (suspicion.rule is Rule.LOWER_LR):
            return None
        start = self._start(scale.bounded)
        end = answer.control.score
        if not self.case.applied:
            # A later stage of the script has a loss of its own.
            last = stats.stage_end(self.case.observed.column("optimizer"), answer.control.steps - 1)
            end = scale.score(self.case.observed, last)
        if end <= answer.best.score + NEAR:
            return Severity.ADVICE if suspicion.rule is Rule.HIGHER_LR else None
        way = start - answer.best.score
        share = (start - end) / way if way > 0 else 0.0
        if suspicion.rule is Rule.HIGHER_LR and share > HALF_WAY:
            return Severity.ADVICE
        return Severity.ERROR if not share > 1 - NOT_LEARNING or end > NOT_LEARNING * start else Severity.WARNING

    def _start(self, bounded: Callable[[float], float]) -> float:
        first = stats.finite_median(self.case.observed.column(self.case.metric)[:3])
        return bounded(first) if math.isfinite(first) else 1.0

    def lr_holds_again(self, answer: LrAnswer) -> bool:
        steps = min(SHORT, answer.best.steps) if answer.gain > PLAIN else answer.best.steps
        pairs = self.case.again(
            answer.best.interventions, answer.control.interventions, steps, self.case.metric, "learning rate"
        )
        return all(control.score - again.score > GAIN_LONG / 2 for again, control in pairs)

    def conclude_lr(self, suspicion: Suspicion, answer: LrAnswer, severity: Severity) -> None:
        lr = user_lr(self.case.observed)
        value = stats.round_lr(lr * answer.factor)
        low, high = stats.round_lr(lr * answer.low), stats.round_lr(lr * answer.high)
        ranged = f"; {low:g} to {high:g} work about as well" if low < high else ""
        verb = "is too high" if suspicion.rule is Rule.LOWER_LR else "is too low"
        if severity is Severity.ADVICE:
            verb = "works, but a larger one learns faster"
        title = (
            f"lr {lr:.3g} {verb}: after {answer.best.steps} steps the loss is {shown(answer.control.raw)}, "
            f"with lr {value:g} it is {shown(answer.best.raw)}"
        )
        limit = stability(self.case) if suspicion.rule is Rule.LOWER_LR else None
        suspicion = msgspec.structs.replace(
            suspicion,
            title=title,
            evidence=(*suspicion.evidence, limit) if limit is not None else suspicion.evidence,
            advice=f"set lr={value:g}{ranged}",
            edits=(Edit("set-optimizer-arg", {"arg": "lr", "value": value}),),
        )
        self.case.conclude(suspicion, answer.control, answer.best, severity=severity)
        self.case.applied = answer.best.interventions
        if answer.best.recording is not None:
            self.case.current = answer.best.recording


def _lr_reason(experiments: LrExperiments, down: bool) -> str:
    parts = [
        f"{experiments.lr * f:.3g}: {shown(t.raw)}"
        for f, t in sorted(experiments.trials.items())
        if (f <= 1) == down or f == 1
    ]
    return f"loss after {experiments.steps} steps by lr: " + ", ".join(parts)
