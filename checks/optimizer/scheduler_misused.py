"""scheduler-misused: the learning rate is cut for the wrong reason."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording, SchedulerFacts

BY_FACTOR = ("StepLR", "MultiStepLR", "ExponentialLR")
SAME = 1e-6
"""Relative difference below which a metric is the training loss itself."""
FALL = 0.05
"""Relative fall of a metric that counts as an improvement that mode="max" would not see."""
SPENT = 0.02
"""Share of its first value below which a learning rate moves nothing any more."""
EARLY = 0.5
"""Share of the watched steps before which a rate that is spent leaves the rest of the run idle; schedules that mean
to end at 0 (cosine, linear, a cut by ten every third of the run) are above ``SPENT`` up to there."""
REACHED = 0.1
"""Share of its full value that lr has to reach in a finished run: a warm-up takes some hundredths of a usual one."""
LEAST_STEPS = 20


class SchedulerMisused(Check):
    """The learning-rate scheduler works against the run.

    ## What it means
    `ReduceLROnPlateau` cuts the learning rate when its metric no longer improves. With `mode="max"` and
    a loss as the metric every improvement counts as none; a scheduler that is stepped before the
    optimizer skips the first value of its schedule. A warm-up of some hundred steps that is stepped once an epoch
    never ends.

    ## Why it hurts
    The rate falls to almost nothing while the model is still learning, and training stops. A factor of 0.1 after
    each epoch leaves a thousandth of the rate after three.

    ## How it is proven
    From the recorded metric and learning rate; then the same loop is rerun with the learning rate held
    at its first value. Where that is not clearly better, it is advice.

    ## How to fix it
    `mode="min"` for losses, `mode="max"` for accuracies; call `optimizer.step()` before `scheduler.step()`;
    feed a held-out metric; choose `gamma` and `step_size` so that the rate lasts as long as the training.

    ## Example
    Bad:

        scheduler = ReduceLROnPlateau(optimizer, mode="max", patience=1)
        scheduler.step(val_loss)

    Good:

        scheduler = ReduceLROnPlateau(optimizer, mode="min", patience=5)
        scheduler.step(val_loss)

    ## Known limits
    Whether the metric is a loss or a score is told by its direction only.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html>
    """

    name = "scheduler-misused"
    family = "optimizer"
    summary = "a schedule used up too early, stepped before the optimizer, or with the wrong mode or metric"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The first scheduler that shows one of the mistakes."""
        if not recording.facts.schedulers:
            found = self._by_hand(recording)
            if found is None:
                raise NotChecked("no scheduler is used")
            return found
        for scheduler in recording.facts.schedulers:
            found = self._wrong_mode(recording, scheduler) or self._order(recording, scheduler)
            found = found or self._spent(recording, scheduler) or self._never_reached(recording, scheduler)
            found = found or self._training_loss(recording, scheduler)
            if found is not None:
                return found
        return None

    def _wrong_mode(self, recording: Recording, scheduler: SchedulerFacts) -> Suspicion | None:
        metrics, lr = np.asarray(scheduler.metrics), recording.column("lr")
        if scheduler.mode is None or len(metrics) < 3 or not len(lr) or not lr[-1] < lr[0] * 0.75:
            return None
        falling = metrics[-1] < metrics[0] * (1 - FALL) and metrics[0] > 0
        rising = metrics[-1] > metrics[0] * (1 + FALL) and metrics[0] > 0
        loss = recording.column("loss")
        loss_falls = len(loss) > 8 and loss[-len(loss) // 4 :].mean() < loss[: len(loss) // 4].mean()
        if not (scheduler.mode == "max" and falling and loss_falls) and not (
            scheduler.mode == "min" and rising and loss_falls
        ):
            return None
        right = "min" if scheduler.mode == "max" else "max"
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f'ReduceLROnPlateau(mode="{scheduler.mode}") cut lr from {lr[0]:.3g} to {lr[-1]:.3g} '
            "while its metric improved",
            rule=Rule.KNOB,
            location=recording.location(scheduler.site),
            evidence=(
                Evidence(
                    "metric",
                    float(metrics[-1]),
                    f"judged with mode={right!r}",
                    f"the metric went from {metrics[0]:.4g} to {metrics[-1]:.4g}, the learning rate from "
                    f"{lr[0]:.3g} to {lr[-1]:.3g}",
                ),
            ),
            treatments=(Treatment((Intervention("hold-lr", f"lr held at {lr[0]:.3g}", {}),)),),
            explains=("lr-too-low", "plateau", "slow-learning", "undertrained"),
            advice=f'use mode="{right}"',
            long=True,
            edits=(Edit("set-call-arg", {"function": "ReduceLROnPlateau", "arg": "mode", "value": right}),),
        )

    def _spent(self, recording: Recording, scheduler: SchedulerFacts) -> Suspicion | None:
        """The rate was used up early, and the rest of the run moved nothing."""
        if scheduler.steps < 2 or scheduler.per_batch(recording.steps):
            return None  # scheduler-per-batch says more, or it is meant so
        decay = {k: float(round(0.1 ** (1 / scheduler.steps), 3)) for k in ("gamma",) if scheduler.kind in BY_FACTOR}
        place = recording.site(scheduler.site)
        edits = [
            Edit("set-call-arg", {"function": scheduler.kind, "arg": k, "value": v, "line": place.line})
            for k, v in decay.items()
            if place is not None
        ]
        advice = "let the rate last as long as the training" + "".join(
            f": {k}={v:g} leaves a tenth of it at the end" for k, v in decay.items()
        )
        after = f"after {scheduler.steps} calls of scheduler.step() in all"
        return self._used_up(recording, scheduler.kind, scheduler.site, after, advice, tuple(edits))

    def _by_hand(self, recording: Recording) -> Suspicion | None:
        """The script itself lowers lr, and has used it up long before its end."""
        optimizers = recording.facts.optimizers
        if not optimizers:
            return None
        advice = "lower it once an epoch and not once a batch, or by less: param_groups[...]['lr'] is set too often"
        return self._used_up(recording, "the script", optimizers[0].site, "and no scheduler did that", advice)

    def _used_up(
        self, recording: Recording, who: str, site: int, after: str, advice: str, edits: tuple[Edit, ...] = ()
    ) -> Suspicion | None:
        """A rate that moves nothing any more, where that leaves the larger part of the run idle."""
        lr = recording.column("lr")
        lr = lr[np.isfinite(lr)]
        if len(lr) < LEAST_STEPS or not lr[0] >= EARLY * lr.max():
            return None
        low = lr < SPENT * lr[0]
        first = int(low.argmax())
        if not low.any() or not low[first:].all() or not first < EARLY * len(lr):
            return None
        title = f"{who} has used the learning rate up by step {first} of {len(lr)}: it fell from {lr[0]:.3g} to "
        text = f"lr is below {SPENT:.0%} of its first value from step {first} of {len(lr)} on, {after}"
        seen = Evidence("step_at_which_lr_is_spent", first, f"> {EARLY * len(lr):.0f}", text)
        return self._held(recording, f"{title}{lr[-1]:.3g}", site, seen, f"{lr[0]:.3g}", advice, edits)

    def _never_reached(self, recording: Recording, scheduler: SchedulerFacts) -> Suspicion | None:
        """A warm-up counted in optimizer steps that is stepped once an epoch: the run ends before it does."""
        lr, built = recording.column("lr"), [o.groups[0].get("lr") for o in recording.facts.optimizers if o.groups]
        base, highest = float(built[0] or 0.0) if len(built) == 1 else 0.0, stats.finite_max(lr)
        if recording.facts.ended != "finished" or len(lr) < LEAST_STEPS or not 0 < highest < REACHED * base:
            return None
        if scheduler.per_batch(recording.steps) or not lr[-1] >= highest:
            return None
        title = (
            f"{scheduler.kind} is still warming up when the run ends: lr reached {highest:.2g} of {base:g} in "
            f"{scheduler.steps} calls of scheduler.step()"
        )
        text = (
            f"{scheduler.steps} calls of scheduler.step() for {recording.steps} optimizer steps raised lr to "
            f"{highest / base:.1%} of what the optimizer was built with"
        )
        seen = Evidence("highest_lr", float(f"{highest:.3g}"), f"about {base:g}", text)
        advice = (
            "call scheduler.step() after each optimizer.step(), which is what such a warm-up counts, or let it last a "
            "few epochs"
        )
        return self._held(recording, title, scheduler.step_site, seen, f"{base:g}", advice)

    def _held(
        self,
        recording: Recording,
        title: str,
        site: int,
        seen: Evidence,
        rate: str,
        advice: str,
        edits: tuple[Edit, ...] = (),
    ) -> Suspicion:
        """A schedule that leaves (nearly) no rate: held at its full value, the run has to be clearly better."""
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=title,
            rule=Rule.KNOB,
            location=recording.location(site),
            evidence=(seen,),
            treatments=(Treatment((Intervention("hold-lr", f"lr held at {rate}", {}),)),),
            explains=("lr-too-low", "plateau", "slow-learning", "undertrained", "no-learning"),
            advice=advice,
            edits=edits,
            only_proven=True,
            long=True,
        )

    def _order(self, recording: Recording, scheduler: SchedulerFacts) -> Suspicion | None:
        if not scheduler.before_first_step or not recording.steps:
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title="scheduler.step() runs before optimizer.step(): the first learning rate is skipped",
            rule=Rule.NOTE,
            location=recording.location(scheduler.step_site),
            evidence=(
                Evidence(
                    "scheduler_steps_before_first_step",
                    scheduler.before_first_step,
                    "0",
                    f"the scheduler was stepped {scheduler.before_first_step} times before the first optimizer step",
                ),
            ),
            advice="call scheduler.step() after optimizer.step()",
        )

    def _training_loss(self, recording: Recording, scheduler: SchedulerFacts) -> Suspicion | None:
        """The metric is the loss of the very steps before it."""
        loss = recording.column("loss")
        hits = 0
        for metric, step in zip(scheduler.metrics, scheduler.metric_steps, strict=True):
            window = loss[:step]
            candidates = [window[-1]] if len(window) else []
            candidates += [np.mean(window[-n:]) for n in range(2, min(len(window), 512) + 1)]
            hits += any(abs(metric - c) <= SAME * max(1.0, abs(c)) for c in candidates)
        if hits < 2 or hits < 0.8 * len(scheduler.metrics[: len(scheduler.metric_steps)]):
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title="ReduceLROnPlateau watches the training loss; a held-out loss would tell a plateau from overfitting",
            rule=Rule.NOTE,
            location=recording.location(scheduler.step_site),
            evidence=(
                Evidence(
                    "metric",
                    float(scheduler.metrics[-1]),
                    "a held-out loss",
                    "the metric equals the mean training loss of the steps before",
                ),
            ),
            advice="pass the validation loss to scheduler.step(); no harm was measured",
        )
