"""The learning rate to use, on request: a ladder of short runs, the best of them longer."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.lab import Trial, scaled_lr, without_lr
from sgd_doctor.learning_rate import AS_GOOD, HALF_DECADE, NEAR, centre_factor, obstacle, user_lr
from sgd_doctor.proof.case import Case
from sgd_doctor.recording import Recording
from sgd_doctor.report import RuledOut, SuggestedLr

RUNGS = (-2, -1, 0, 1, 2)
"""Half decades around the rate whose first update has the usual size."""
MORE_RUNGS = 6
"""Rungs that may be added where the end of the ladder is the best."""
SHORT, LONG, FINALISTS = 40, 200, 2
"""Steps of the first and of the deciding runs, and how many come so far (docs/learning_rate.md)."""
SURE = 0.9
"""Score, in units of the trivial loss, below which a run has learned something."""


class LrSuggester:
    """Looks for the rate that trains best, with everything on that was confirmed before.

    The method: the rate whose first update is 0.02 of the weight norm (times 1 - momentum for SGD), half decades
    around it for 40 steps each from the same state on the same batches, further where an end is the best; the best
    two for 200 steps; of those that are as good the smallest, because short runs over-estimate.
    ``docs/learning_rate.md`` compares it with the rules of the learning-rate finders.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.applied = without_lr(case.applied)
        self.lr = user_lr(case.observed)
        self.spent = 0

    def suggest(self) -> None:
        """Put the suggestion, or why there is none, into the diagnosis."""
        found = self.search()
        if isinstance(found, str):
            self.case.result.not_checked.append(RuledOut("suggest lr", found))
        else:
            self.case.result.suggested_lr = found

    def search(self) -> SuggestedLr | str:
        """The suggestion, or why there is none."""
        why = obstacle(self.case.observed)
        if self.case.untreated:
            why = f"{self.case.untreated} comes first: with it open no learning rate means anything"
        if why:
            return why
        if not self.case.can_probe():
            return "no replay was possible, or the time budget was spent"
        first = self.first()
        factor = centre_factor(first) if first is not None else None
        if factor is None:
            return "the size of the first update is not known"
        ladder = self.ladder(factor)
        best = sorted(ladder, key=lambda f: ladder[f].score)[:FINALISTS]
        finals = self.run([stats.round_lr(self.lr * f) / self.lr for f in best], LONG)
        return self.answer(finals)

    def first(self) -> Recording | None:
        """A run that shows the first update: the watched one, or one with the confirmed changes on."""
        if not self.applied:
            return self.case.observed
        return self.case.lab.run([self.applied], self.case.length(SHORT), self.case.metric)[0].recording

    def ladder(self, centre: float) -> dict[float, Trial]:
        """Short runs by factor of the script's rate."""
        found = self.run([centre * HALF_DECADE**rung for rung in RUNGS], SHORT)
        for _ in range(MORE_RUNGS):
            best = min(found, key=lambda f: found[f].score)
            if best == max(found):
                found |= self.run([best * HALF_DECADE], SHORT)
            elif best == min(found):
                found |= self.run([best / HALF_DECADE], SHORT)
            else:
                break
        return found

    def run(self, factors: list[float], steps: int) -> dict[float, Trial]:
        """Trials at ``factor × lr``."""
        factors = list(dict.fromkeys(factors))
        arms = [(*self.applied, scaled_lr(f, self.lr)) for f in factors]
        steps = self.case.length(steps, arms=len(arms))
        trials = self.case.lab.run(arms, steps, self.case.metric, f"which lr trains best over {steps} steps?")
        self.spent += sum(t.recording.steps for t in trials if t.recording is not None)
        return dict(zip(factors, trials, strict=True))

    def answer(self, finals: dict[float, Trial]) -> SuggestedLr | str:
        """The best of the longer runs, with the others that are as good."""
        lowest = min(t.score for t in finals.values())
        best = min((f for f, t in finals.items() if t.score <= lowest + AS_GOOD), default=None)
        trial = finals[best] if best is not None else None
        if best is None or trial is None or trial.raw is None:
            return "no rate that was tried kept the loss finite"
        good = [f for f, t in finals.items() if t.score <= lowest + NEAR]
        return SuggestedLr(
            lr=stats.round_lr(self.lr * best * 1.001),
            low=stats.round_lr(self.lr * min(good) * 1.001),
            high=stats.round_lr(self.lr * max(good) * 1.001),
            written=self.lr,
            metric=self.case.metric,
            value=trial.raw,
            steps=trial.steps,
            probe_steps=self.spent,
            together_with=tuple(i.label for i in self.applied),
            learned=trial.score < SURE,
        )
