"""Optimizer steps: one row of the recording each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.optim import Optimizer

from sgd_doctor.observe.guard import GUARDED, Part, guarded
from sgd_doctor.observe.late import LateReads
from sgd_doctor.observe.nonfinite import may_break, name_culprit
from sgd_doctor.observe.origins import construction
from sgd_doctor.observe.steps import Step
from sgd_doctor.recording import NonFinite

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer


class StepWatch(Part):
    """Called by the global hooks of optimizers."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self.depth = 0
        """Optimizers that step inside of others' steps."""

    @guarded
    def begins(self, optimizer: Optimizer) -> None:
        """An optimizer is about to step."""
        o = self.observer
        self.depth += 1
        if self.depth > 1 or o.finished or not o.here():
            return
        o.anchor()
        state = o.steps.adopt(optimizer, -1)
        if o.scaling.scaled:
            o.scaling.optimizer_steps()
        o.steps.site = o.event("step", ours=GUARDED)
        if not state.steps:
            o.stage_begins()
        if state.site < 0 and not state.steps:
            origin = construction(optimizer, o.sites.paths())
            state.site = o.sites.place(*origin, "") if origin is not None else -1
        for applier in o.appliers:
            applier.before_step(optimizer)
        begun = time.perf_counter()
        o.steps.before_step(optimizer, state)
        o.structure.step_made()
        if state.before is not None:
            o.structure.stepped(o.steps.held)
        if o.ranks.world > 1:
            o.ranks.step_begins()
        if o.nonfinite is None and o.steps.grad_norm - o.steps.grad_norm != 0:
            self.check_gradients(o.steps.count, o.steps.site, o.steps.held, o.steps.norms)
            found = o.signals.gradients.culprit()
            if found is not None:
                o.signals.culprit = name_culprit(o, *found, in_gradient=True)
        o.steps.own_time += time.perf_counter() - begun

    def read_late(self) -> None:
        """From now on nobody waits for the device: losses and norms are read when they have been computed."""
        self.observer.steps.late, self.observer.steps.on_late = LateReads(), self.arrived

    def arrived(self, step: Step, norms: list[float]) -> None:
        """The norms of a step's gradients were read late: what made them is gone by then."""
        self.check_gradients(step.number, step.site, step.held, norms)

    def check_gradients(self, step: int, site: int, held: Sequence[Tensor], norms: Sequence[float]) -> None:
        """Name the first gradient that is not finite."""
        o = self.observer
        for parameter, norm in zip(held, norms, strict=True):
            if norm - norm != 0 and o.nonfinite is None:
                name = o.steps.names.get(id(parameter), "a parameter")
                o.nonfinite = NonFinite(step, "gradient", name, site)

    @guarded
    def ends(self, optimizer: Optimizer) -> None:
        """An optimizer has stepped."""
        o = self.observer
        self.depth -= 1
        if self.depth > 0 or o.finished or not o.here():
            return
        begun = time.perf_counter()
        o.counts.optimizer_steps += 1
        o.steps.after_step(optimizer, o.steps.adopt(optimizer, -1), o.take_row())
        if o.counts.optimizer_steps == 1 and o.steps.held and o.steps.held[0].is_cuda and not may_break(o):
            self.read_late()
        if o.steps.late is not None:
            o.steps.late.poll()
        o.signals.step_ends()
        for applier in reversed(o.appliers):  # each puts back what it found
            applier.after_step(optimizer)
        o.steps.own_time += time.perf_counter() - begun
        o.tick()
