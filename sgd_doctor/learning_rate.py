"""Experiments on the learning rate: is a smaller or a larger one clearly better, and which?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sgd_doctor import stats
from sgd_doctor.findings import Intervention
from sgd_doctor.lab import Lab, Trial, lr_factor, scaled_lr, without_lr
from sgd_doctor.recording import Recording
from sgd_doctor.scoring import initial
from sgd_doctor.standstill import own_targets

GOOD_UPDATE = 0.02
"""First update over weight norm of a good learning rate (docs/proof.md: one step, mean regret .14)."""
DOWN = (1 / 3, 0.1)
FARTHER_DOWN = ((0.01, 0.001), (1e-4, 1e-5))
"""Two at a time: the second is often asked for, and takes no longer beside the first."""
UP = (10.0, 100.0)
FARTHER_UP = (1000.0, 1e4)
GAIN_DOWN = 0.05
"""Least gain in bounded loss of a smaller lr over a short run (lr bench: P .95, R .94 with the update screen)."""
GAIN_UP = 0.1
GAIN_LONG = 0.1
"""Least gain over the longer run that is reported."""
NEAR = 0.05
"""Bounded losses closer than this count as equal."""
AS_GOOD = 0.01
TARGET_LOSSES = ("loss", "cross_entropy", "with_logits", "kl_div")
HALF_DECADE = math.sqrt(10.0)


@dataclass(frozen=True)
class LrAnswer:
    """What the experiments on the learning rate showed.

    Attributes:
        factor: best multiple of the user's lr; 1 where none is clearly better.
        control, best: the deciding pair of runs.
        low, high: factors of the range that trains nearly as well as the best.
    """

    factor: float
    control: Trial
    best: Trial
    low: float = 1.0
    high: float = 1.0

    @property
    def gain(self) -> float:
        difference = self.control.score - self.best.score
        return difference if math.isfinite(difference) else math.inf if math.isinf(self.control.score) else 0.0


def user_lr(recording: Recording) -> float:
    """The largest learning rate of the run (a warm-up starts below it)."""
    return stats.finite_max(recording.column("lr"))


def centre_factor(recording: Recording) -> float | None:
    """Factor by which lr gives a first update of :data:`GOOD_UPDATE` of the weight norm; None if unknown.

    With SGD the momentum builds the step up by 1/(1 - β), so the first one has to be as much smaller.
    """
    lr, ratio = recording.column("lr"), recording.column("update_ratio")
    usable = np.flatnonzero((lr > 0) & np.isfinite(ratio) & (ratio > 0))
    if not len(usable):
        return None
    first = int(usable[0])
    momentum = recording.column("momentum")[first]
    kind = recording.facts.optimizers[0].kind if recording.facts.optimizers else ""
    built_up = 1 - float(momentum) if kind == "SGD" and 0 < momentum < 1 else 1.0
    factor = GOOD_UPDATE * built_up / float(ratio[first]) * float(lr[first]) / user_lr(recording)
    return factor if 1e-12 < factor < 1e12 else None


def obstacle(recording: Recording) -> str:
    """Why nothing can be said about the learning rate; empty where something can."""
    kinds = {o.kind for o in recording.facts.optimizers if o.steps}
    if not kinds:
        return "the weights are updated without a torch optimizer" if recording.steps else "no step was made"
    if "LBFGS" in kinds:
        return "LBFGS chooses its own step length"
    used = np.unique(recording.column("optimizer"))
    if len(used) > 1 and np.mean(np.diff(recording.column("optimizer")) != 0) > 0.2:
        return "several optimizers take turns with losses of their own"
    if stats.last_stage(recording.column("optimizer")) and own_targets(recording):
        return "a model is trained on what an earlier one says, and a rate would change for both"
    if recording.steps < 10:
        return f"{recording.steps} steps are too few to judge a learning rate"
    loss = recording.column("loss")
    if not _has_target(recording) and np.nanmin(loss) < 0 < np.nanmax(loss):
        return "the loss takes both signs and no target was seen: it does not measure success (policy gradients)"
    lr = recording.column("lr")
    if recording.facts.ended != "finished" and lr[-1] > 1.5 * lr[0] and lr[-1] >= 0.99 * np.max(lr):
        return "the warm-up is still running"
    return ""


def _has_target(recording: Recording) -> bool:
    """Whether outputs meet targets in a loss or a difference, not only in a product (log-probability × reward)."""
    task = recording.facts.task
    return task is not None and (task.loss_name.endswith(TARGET_LOSSES) or "sub" in task.loss_name)


class LrExperiments:
    """Arms at other learning rates on top of what is already treated; factors count from the treated rate."""

    def __init__(self, lab: Lab, applied: tuple[Intervention, ...], metric: str, steps: int) -> None:
        self.lab, self.applied, self.metric, self.steps = lab, applied, metric, steps
        self.written = user_lr(lab.observed)
        self.lr = self.written * lr_factor(applied)
        self.trials: dict[float, Trial] = {}

    def at(self, factors: Sequence[float], steps: int | None = None, why: str = "") -> list[Trial]:
        """Trials at ``factor × lr``; factor 1 is the control."""
        arms = [self.applied if f == 1.0 else self.arm(f) for f in factors]
        trials = self._run(arms, steps or self.steps, why)
        if steps is None or steps == self.steps:
            self.trials.update(zip(factors, trials, strict=True))
        return trials

    def arm(self, factor: float) -> tuple[Intervention, ...]:
        """What is treated, at another rate: one change of lr in all."""
        return (*without_lr(self.applied), scaled_lr(factor * lr_factor(self.applied), self.written))

    def control(self) -> Trial:
        return self.trials[1.0] if 1.0 in self.trials else self.at([1.0])[0]

    def ahead(self, *, down: bool, up: bool, treatments: Sequence[tuple[Intervention, ...]]) -> None:
        """Make the runs that are going to be asked for in any case together, so that no core waits for an answer.

        Args:
            down, up: whether smaller and larger rates will be tried.
            treatments: changes that will be tried at the rate as written.
        """
        arms = [self.applied, *(self.arm(f) for f in (*DOWN * down, *UP * up))]
        arms += [(*self.applied, *treatment) for treatment in treatments]
        self._run(arms, self.steps, "the same loop as written, at other rates and with what is suspected")

    def _run(self, arms: Sequence[tuple[Intervention, ...]], steps: int, why: str = "") -> list[Trial]:
        """Runs side by side; all may end early but the one that the others are compared with."""
        race = [arm for arm in arms if arm != self.applied]
        return self.lab.run(arms, steps, self.metric, why, race=race)

    def best(self) -> tuple[float, Trial]:
        factor = min(self.trials, key=lambda f: (self.trials[f].score, abs(math.log(f))))
        return factor, self.trials[factor]

    def down(self) -> None:
        """Smaller rates, farther down as long as nothing trains at all."""
        self.at([1.0, *DOWN], why=f"does a smaller lr than {self.lr:.3g} train better?")
        for pair in FARTHER_DOWN:
            for factor in pair:
                if self.best()[1].score < min(1.0, self._start()) - NEAR and self.best()[0] != min(self.trials):
                    return
                if self.control().score < 0.5:
                    return
                self._together(pair)
                self.at([factor])

    def up(self) -> None:
        """Larger rates, farther up as long as the largest is the best."""
        self.at([1.0, *UP], why=f"does a larger lr than {self.lr:.3g} train better?")
        for factor in FARTHER_UP:
            if self.best()[0] != max(self.trials):
                break
            self._together(FARTHER_UP)
            self.at([factor])

    def _together(self, factors: Sequence[float]) -> None:
        """Make runs that may be asked for one after the other; which of them are trials is not said by this."""
        self._run([self.arm(f) for f in factors], self.steps)

    def centre(self) -> None:
        """The rate whose first update has the usual size."""
        self.at(self.middle())

    def middle(self, beside: Iterable[float] = ()) -> list[float]:
        """The factor of that rate, where none that was tried, or is to be tried ``beside`` it, is near."""
        factor = centre_factor(self.control().recording or self.lab.observed)
        tried = (*self.trials, *beside)
        return [factor] if factor is not None and all(abs(math.log10(factor / f)) > 0.25 for f in tried) else []

    def _start(self) -> float:
        scale = self.lab.scale(self.metric, self.steps)
        start = initial(self.lab.observed.column("loss")) if self.metric == "loss" else math.nan
        return scale.bounded(start) if scale is not None and math.isfinite(start) else 1.0

    def answer(self, long_steps: int) -> LrAnswer:
        """The best rate so far against the control, over a longer run, with its neighbours."""
        factor, _ = self.best()
        if factor == 1.0:
            return LrAnswer(1.0, self.control(), self.control())
        # What is measured is a rate that can be written down.
        near = [stats.round_lr(self.lr * f) / self.lr for f in (factor / HALF_DECADE, factor, factor * HALF_DECADE)]
        factors = [1.0, *(f for f in near if abs(math.log10(f)) > 0.1)]
        trials = dict(zip(factors, self.at(factors, long_steps, "which lr is best over a longer run?"), strict=True))
        control = trials.pop(1.0)
        lowest = min(t.score for t in trials.values())
        good = [f for f, t in trials.items() if t.score <= lowest + NEAR]
        # Short runs over-estimate: of rates that are as good, the smallest is the safest.
        chosen = min(f for f, t in trials.items() if t.score <= lowest + AS_GOOD)
        return LrAnswer(chosen, control, trials[chosen], min(good), max(good))
