"""How often the calls of a training loop happened."""

from __future__ import annotations

from dataclasses import dataclass, field

from sgd_doctor.recording import SchedulerFacts


@dataclass
class Counts:
    """How often things happened."""

    forwards: int = 0
    backwards: int = 0
    losses: int = 0
    zero_grads: int = 0
    evaluations: int = 0
    grad_calls: int = 0
    optimizer_steps: int = 0
    eval_mode_steps: int = 0


@dataclass
class SchedulerState:
    """What is known of one scheduler so far."""

    kind: str
    site: int
    mode: str | None = None
    steps: int = 0
    step_site: int = -1
    before_first_step: int = 0
    metrics: list[float] = field(default_factory=list)
    metric_steps: list[int] = field(default_factory=list)

    def freeze(self) -> SchedulerFacts:
        return SchedulerFacts(
            kind=self.kind,
            site=self.site,
            steps=self.steps,
            step_site=self.step_site,
            mode=self.mode,
            metrics=tuple(self.metrics),
            metric_steps=tuple(self.metric_steps),
            before_first_step=self.before_first_step,
        )
