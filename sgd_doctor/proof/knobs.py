"""Changes that work through the optimisation, against the best run at another learning rate alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from sgd_doctor.findings import Rule, Suspicion
from sgd_doctor.lab import Trial
from sgd_doctor.learning_rate import AS_GOOD, NEAR, LrExperiments
from sgd_doctor.proof.case import MAX_LONG, OWN_FAULT_OF_KNOB, Case, shown
from sgd_doctor.proof.held_out import WORKS, clearly_lower, last_accuracy, last_held_out
from sgd_doctor.scoring import initial

KNOB_GAIN = 0.1
DEFAULT_MARGIN = 0.05
"""How far a treated run has to beat the best lr-only run, where the check names no other margin."""
EXPLAINED_GAIN = 0.15
"""The least of both, gain and margin, for what a confirmed cause brings about by itself: its traces gain a little on
top (a deep network with the last sigmoid gone: 0.09)."""
SMELL_SHARE = 0.8
SAME_ROUGHLY, NEAR_SHARE = 3.0, 0.5
"""Where the best lr is within this factor of the one that a change acts as, they are one cause: then this share of the
gain is enough (runs at neighbouring rates differ by that much)."""
LEAST_RIGHT = 0.05
"""Share of held-out samples that have to be right besides where their loss is no lower."""
NO_TUNING = 0.0101
"""An lr that has to shrink to this share is no matter of tuning: a change that does as well at the written lr is the
cause (pixels of 0 to 255 bear a hundredth of it or less)."""


MUCH_LESS = 0.1
"""Nor is one that has to grow a hundredfold, where with the change less than this share of it does about as well."""
MUCH_MORE = 30.0
"""Nor one that has to shrink to a hundredth or less, where with the change one this many times as large does as well
(with pixels of 0 to 255, standardised ones bear 50 times the lr in an MLP)."""
FAR_LOWER = 0.1
"""Share of the untreated loop's first loss below which the treated one begins far lower."""
LEAST_UNIT = 1e-12
LONGER, LEAST_LONGER, LONGER_RATES = 3, 1.5, 3
"""How much longer runs are made where short ones teach nothing, from how much on that is worth the while, and how many
of the rates that did best go into them (an attention that tells texts apart after 240 steps knew nothing at 100)."""


@dataclass(frozen=True)
class Win:
    """A change that no learning rate stands in for.

    Attributes:
        gain: of ``best`` over ``control``, in units of the trivial loss.
        best: the treated run at ``factor`` times the written lr.
        plain: the treated run at the written lr.
    """

    gain: float
    suspicion: Suspicion
    best: Trial
    factor: float
    plain: Trial
    control: Trial


class KnobProver:
    """Finds the suspected change that no learning rate can stand in for."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def best_knob(self, knobs: Sequence[Suspicion], experiments: LrExperiments, steps: int) -> Suspicion | None:
        """The suspicion whose treated run beats every run at another lr alone by a clear margin."""
        judged = [self.judge(suspicion, self.in_metric(experiments, suspicion.metric), steps) for suspicion in knobs]
        results = [win for win in judged if win is not None]
        if not results:
            return None
        won = _deepest(results)
        suspicion, alone = won.suspicion, won.control.score - won.plain.score
        retuned = won.factor if alone < SMELL_SHARE * won.gain else 1.0
        self.case.settled.add(suspicion.check)
        if self.case.is_own_fault(won.plain, retuned, OWN_FAULT_OF_KNOB):
            self.case.conclude(suspicion, won.control, won.best)
            retuned = 1.0
        else:
            self.case.conclude(suspicion, won.control, won.best if retuned != 1.0 else won.plain, lr_factor=retuned)
        self.case.adopt(suspicion, won.best, retuned, won.plain)
        if suspicion.metric != "loss":
            self.case.metric = suspicion.metric
        return suspicion

    def once_longer(self, knobs: Sequence[Suspicion], experiments: LrExperiments) -> Suspicion | None:
        """The same over longer runs, for a task on which nothing learned anything in short ones."""
        steps = self.case.length(min(MAX_LONG, LONGER * experiments.steps), arms=LONGER_RATES + 2 * len(knobs))
        if not knobs or steps < LEAST_LONGER * experiments.steps:
            return None
        longer = LrExperiments(self.case.lab, experiments.applied, experiments.metric, steps)
        best_first = sorted(experiments.trials, key=lambda factor: experiments.trials[factor].score)
        longer.at(sorted({1.0, *best_first[:LONGER_RATES]}), why="nothing learned so far: the same over longer runs")
        self.case.reopen(knobs)
        return self.best_knob(knobs, longer, steps)

    def judge(self, suspicion: Suspicion, base: LrExperiments, steps: int) -> Win | None:
        """The treated runs against the untreated loop at every lr; ruled out where these do as well."""
        control = base.control()
        lr_factor, lr_best = base.best()
        best, factor, plain = self.treated_arms(suspicion, base, steps)
        unit = self.unit(suspicion, plain)
        smell = suspicion.rule is Rule.SMELL
        instead = lr_factor <= NO_TUNING and plain.score <= lr_best.score + NEAR * unit
        grown = lr_factor * NO_TUNING >= 1 and factor <= lr_factor * MUCH_LESS
        shrunk = lr_factor <= NO_TUNING and factor >= lr_factor * MUCH_MORE
        far = not (instead or suspicion.at_written_lr) and (
            (grown and best.score <= lr_best.score + KNOB_GAIN * unit)
            or (shrunk and best.score <= lr_best.score + NEAR * unit)
        )
        if instead or (not far and (smell or suspicion.at_written_lr)):
            best, factor = plain, 1.0
        gain = control.score - best.score
        margin = (suspicion.margin or DEFAULT_MARGIN) * unit
        least = least_gain(suspicion) * unit
        enough = lr_best.score - best.score >= margin
        if smell:
            near = suspicion.like_lr is not None and 1 / SAME_ROUGHLY < lr_factor / suspicion.like_lr < SAME_ROUGHLY
            enough = gain >= (NEAR_SHARE if near else SMELL_SHARE) * (control.score - lr_best.score)
        rival = control if smell or instead or far else lr_best
        but = ""
        if gain > least and (enough or instead or far):
            but = self.objection(suspicion, best, rival, margin, base)
            if not but:
                return Win(gain, suspicion, best, factor, plain, control)
        self.rule_out(suspicion, control, best, lr_best, lr_factor, but, least)
        return None

    def unit(self, suspicion: Suspicion, plain: Trial) -> float:
        """What a gain is worth, in the unit of the scores: less than 1 where that is the loss of the first steps, and
        the change lets the same loop begin far lower (weights and inputs of another size)."""
        scale = self.case.lab.scale(suspicion.metric, plain.steps)
        if scale is None or scale.trivial or scale.floor != 0 or plain.recording is None:
            return 1.0
        start = initial(plain.recording.column(suspicion.metric))
        return max(start / scale.unit, LEAST_UNIT) if 0 < start < FAR_LOWER * scale.unit else 1.0

    def in_metric(self, experiments: LrExperiments, metric: str) -> LrExperiments:
        """The same runs judged by the measure that a change of the loss itself leaves comparable."""
        if metric in ("loss", experiments.metric):
            return experiments
        other = LrExperiments(self.case.lab, experiments.applied, metric, experiments.steps)
        other.at(sorted(experiments.trials), why=f"the same runs, judged by {metric.replace('_', ' ')}")
        return other

    def treated_arms(self, suspicion: Suspicion, experiments: LrExperiments, steps: int) -> tuple[Trial, float, Trial]:
        """The treated loop at the user's lr, at its own centre, and at the best of the lr-only runs."""
        treated = (*self.case.applied, *suspicion.treatments[0].interventions)
        own = LrExperiments(self.case.lab, treated, experiments.metric, steps)
        plain = own.at([1.0], why=f"{suspicion.check}: the same loop, {suspicion.treatments[0].label}")[0]
        if experiments.trials:
            factors = {round(experiments.best()[0], 12), 0.1, 10.0} - {1.0}
            own.at(sorted({*factors, *own.middle(factors)}), why=f"{suspicion.check}: treated, at other learning rates")
        factor, best = own.best()
        return (plain, 1.0, plain) if plain.score <= best.score + AS_GOOD else (best, factor, plain)

    def objection(self, suspicion: Suspicion, best: Trial, rival: Trial, margin: float, base: LrExperiments) -> str:
        """What speaks against a change that won over the first runs; empty where nothing does."""
        if not self.holds_again(suspicion, best, rival, margin, base):
            return "with another seed it is no better"
        if not self.held_out_agrees(suspicion, best):
            return "it lowers the training loss, and held-out data are not badly off without it"
        return "" if self.lasts(suspicion, best, margin) else "at the end of the watched run it is no better"

    def holds_again(
        self, suspicion: Suspicion, best: Trial, lr_best: Trial, margin: float, base: LrExperiments
    ) -> bool:
        """The deciding pair once more with other random numbers."""
        pairs = self.case.again(best.interventions, lr_best.interventions, base.steps, base.metric, suspicion.check)
        return all(other.score - again.score >= margin / 2 for again, other in pairs)

    def held_out_agrees(self, suspicion: Suspicion, best: Trial) -> bool:
        """Where held-out data are evaluated, a change that only fits the training data better is no repair.

        Less dropout always does that; as with weight decay, unseen data have to be clearly better off, and badly off
        as written.
        """
        if not suspicion.regularises or last_held_out(self.case.observed) is None:
            return True
        steps = self.case.length(min(MAX_LONG, self.case.observed.steps), arms=2)
        arms = [self.case.applied, best.interventions]
        control, treated = self.case.lab.run(arms, steps, "task_loss", f"{suspicion.check}: what do held-out data say?")
        before, after = last_held_out(control.recording), last_held_out(treated.recording)
        if before is None or after is None:
            return True
        task = self.case.observed.facts.task
        unit = task.trivial_loss if task is not None and task.trivial_loss else 0.0
        if before < WORKS * unit:
            return False
        if clearly_lower(before, after, unit):
            return True
        # A model that learned something may be wrong with more confidence than one that knows nothing.
        right, more = last_accuracy(control.recording), last_accuracy(treated.recording)
        return right is not None and more is not None and more > right + LEAST_RIGHT

    def lasts(self, suspicion: Suspicion, best: Trial, margin: float) -> bool:
        """Whether the gain is still there at the end of the watched run, where that is asked for."""
        steps = self.case.length(min(MAX_LONG, self.case.observed.steps), arms=2)
        if not suspicion.lasting or steps <= best.steps:
            return True
        arms = [self.case.applied, best.interventions]
        why = f"{suspicion.check}: is it still better at the end?"
        control, treated = self.case.lab.run(arms, steps, suspicion.metric, why)
        return control.score - treated.score >= margin

    def rule_out(
        self,
        suspicion: Suspicion,
        control: Trial,
        best: Trial,
        lr_best: Trial,
        lr_factor: float,
        but: str,
        least: float,
    ) -> None:
        if but:
            reason = f"{suspicion.treatments[0].label}: loss {shown(best.raw)} against {shown(control.raw)}, but {but}"
        elif control.score - best.score <= least:
            reason = f"{suspicion.treatments[0].label}: no better (loss {shown(best.raw)} against {shown(control.raw)})"
        else:
            reason = (
                f"another lr alone does as well ({lr_factor:.3g} × lr: loss {shown(lr_best.raw)}, "
                f"{suspicion.treatments[0].label}: {shown(best.raw)})"
            )
        self.case.rule_out(suspicion, reason, best)


def _deepest(wins: Sequence[Win]) -> Win:
    """The largest gain among those whose suspicion no other brings about."""
    explained = {name for win in wins for name in win.suspicion.explains if name != win.suspicion.check}
    causes = [win for win in wins if win.suspicion.check not in explained]
    return max(causes or wins, key=lambda win: win.gain)


def beside(suspicion: Suspicion) -> Suspicion:
    """A suspicion that a confirmed cause explains: a second fault only where it is worth clearly more."""
    least = max(EXPLAINED_GAIN, suspicion.least_gain or 0.0)
    margin = max(EXPLAINED_GAIN, suspicion.margin or 0.0)
    return msgspec.structs.replace(suspicion, least_gain=least, margin=margin)


def least_gain(suspicion: Suspicion) -> float:
    """By how much the treated run has to beat the untreated one."""
    return suspicion.least_gain or KNOB_GAIN
