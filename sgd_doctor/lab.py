"""Experiments: the same loop with something changed, made once each and scored."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from sgd_doctor.findings import Intervention, finite
from sgd_doctor.futility import Rival
from sgd_doctor.recording import Recording
from sgd_doctor.report import ProbeInfo
from sgd_doctor.scoring import Scale, scale_of

CURVE_POINTS = 200


class ProbeFunction(Protocol):
    """Runs replays; None where one failed or the time was up."""

    def __call__(
        self, arms: Sequence[tuple[Intervention, ...]], steps: int, measure_task: bool, rivals: Sequence[Rival | None]
    ) -> list[Recording | None]: ...


@dataclass(frozen=True)
class Trial:
    """One replay with what it scored (lower is better; see :class:`sgd_doctor.scoring.Scale`)."""

    interventions: tuple[Intervention, ...]
    recording: Recording | None
    score: float
    raw: float | None
    steps: int

    @property
    def label(self) -> str:
        return " + ".join(i.label for i in self.interventions) or "none"

    @property
    def cut(self) -> bool:
        """Whether it was not made, or ended by the clock before its last step: it says nothing against a change."""
        made = self.recording
        return made is None or (made.facts.ended == "time-limit" and made.steps < self.steps)


def scaled_lr(factor: float, lr: float) -> Intervention:
    """The intervention that multiplies the learning rate."""
    return Intervention("lr", f"lr {lr:.3g} → {lr * factor:.3g}", {"factor": float(factor)})


def lr_factor(interventions: Sequence[Intervention]) -> float:
    """By how much ``interventions`` multiply the learning rate altogether."""
    return math.prod(float(i.args["factor"]) for i in interventions if i.name == "lr")


def without_lr(interventions: Sequence[Intervention]) -> tuple[Intervention, ...]:
    """``interventions`` but those of the learning rate."""
    return tuple(i for i in interventions if i.name != "lr")


@dataclass
class Lab:
    """Makes experiments on one loop and remembers them.

    Attributes:
        observed: the untreated run.
        probe: runs replays.
        say: told in words what is being tried and why.
        measure_task: measure the task loss in every run, so that one run serves both metrics.
        repaired: the run with a confirmed change of the objective; what the loss is worth is read off it from then on.
    """

    observed: Recording
    probe: ProbeFunction
    say: Callable[[str], None] = lambda _: None
    done: dict[tuple[tuple[str, ...], int, bool], Recording | None] = field(default_factory=dict)
    infos: list[ProbeInfo] = field(default_factory=list)
    spent: int = 0
    """Optimizer steps of all replays."""
    measure_task: bool = False
    repaired: Recording | None = None

    def run(
        self,
        arms: Sequence[tuple[Intervention, ...]],
        steps: int,
        metric: str,
        why: str = "",
        *,
        race: Sequence[tuple[Intervention, ...]] = (),
    ) -> list[Trial]:
        """The trials of ``arms``, in order; arms that were already run for these steps are not run again.

        Those that are also in ``race`` end early where they cannot come near the watched run any more.
        """
        measure = self.measure_task or metric != "loss"
        missing = [a for a in dict.fromkeys(arms_keys(arms)) if (a, steps, measure) not in self.done]
        by_key = dict(zip(arms_keys(arms), arms, strict=True))
        if missing:
            if why:
                self.say(why)
            rival = self.rival(steps) if race and not measure else None
            rivals = [rival if by_key[key] in race else None for key in missing]
            found = self.probe([by_key[k] for k in missing], self.limit(steps), measure, rivals)
            for key, recording in zip(missing, found, strict=True):
                self.done[key, steps, measure] = recording
                self._inform(by_key[key], recording, steps, metric)
        recordings = [self.done[key, steps, measure] for key in arms_keys(arms)]
        scale = self.scale(metric, steps)
        return [
            Trial(
                arm,
                rec,
                scale.score(rec, steps) if scale else math.inf,
                scale.raw(rec, steps) if scale else None,
                steps,
            )
            for arm, rec in zip(arms, recordings, strict=True)
        ]

    def rival(self, steps: int) -> Rival | None:
        """The watched run, for replays of ``steps`` steps; None where it is no measure for them."""
        scale = scale_of(self.observed, "loss")
        losses = self.observed.column("loss")[:steps]
        if scale is None or self.repaired is not None or len(losses) < steps or not np.isfinite(losses).all():
            return None
        return Rival(tuple(map(float, losses)), scale.unit, scale.floor)

    def limit(self, steps: int) -> int:
        """Steps at which a replay is ended: one over all of the script goes on to what it evaluates behind its last."""
        facts = self.observed.facts
        last = max((h.steps[-1] for h in facts.held_out if h.steps), default=-1)
        whole = facts.ended == "finished" and steps >= self.observed.steps
        return steps + 1 if whole and last >= self.observed.steps else steps

    def scale(self, metric: str, steps: int) -> Scale | None:
        """The unit for ``metric``: from the untreated run, or from its replay where that one measured it.

        Where neither has a single finite value, from the first treated run that has.  A loss that a repair has
        changed is measured by the repaired run.
        """
        if metric == "loss" and self.repaired is not None:
            found = scale_of(self.repaired, metric)
            if found is not None and found.trivial:
                return found
        control = self.done.get(((), steps, self.measure_task or metric != "loss"))
        for recording in (control, self.observed, *self.done.values()):
            found = scale_of(recording, metric) if recording is not None else None
            if found is not None:
                return found
        return None

    def _inform(self, arm: tuple[Intervention, ...], recording: Recording | None, steps: int, metric: str) -> None:
        if recording is None:
            self.infos.append(ProbeInfo(Trial(arm, None, math.inf, None, steps).label, 0, None))
            return
        self.spent += recording.steps
        scale = self.scale(metric, steps)
        loss = recording.column("loss")
        stride = max(1, math.ceil(len(loss) / CURVE_POINTS))
        self.infos.append(
            ProbeInfo(
                Trial(arm, recording, 0.0, None, steps).label,
                recording.steps,
                scale.raw(recording, steps) if scale else None,
                tuple(finite(float(v)) for v in loss[::stride]),
                tuple(range(0, len(loss), stride)),
            )
        )


def arms_keys(arms: Sequence[tuple[Intervention, ...]]) -> list[tuple[str, ...]]:
    """What makes two arms the same: names and arguments, not their order's labels."""
    return [tuple(f"{i.name}:{sorted(i.args.items())!r}" for i in arm) for arm in arms]
