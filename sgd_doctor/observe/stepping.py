"""Optimizer steps: one row of the recording each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from torch.optim import Optimizer

from sgd_doctor.observe.guard import Part, guarded
from sgd_doctor.observe.nonfinite import name_culprit
from sgd_doctor.observe.origins import construction
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
        o.scaling.optimizer_steps()
        o.event("step")
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
        o.ranks.step_begins()
        if o.nonfinite is None and o.steps.grad_norm - o.steps.grad_norm != 0:
            self.check_gradients()
        o.steps.own_time += time.perf_counter() - begun

    def check_gradients(self) -> None:
        """Name the first gradient that is not finite."""
        o = self.observer
        for parameter, norm in zip(o.steps.held, o.steps.norms, strict=True):
            if norm - norm != 0:
                name = o.steps.names.get(id(parameter), "a parameter")
                o.nonfinite = NonFinite(o.steps.count, "gradient", name, o.events[-1][2])
                found = o.signals.gradients.culprit()
                if found is not None:
                    o.signals.culprit = name_culprit(o, *found, in_gradient=True)
                return

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
        o.signals.step_ends()
        for applier in reversed(o.appliers):  # each puts back what it found
            applier.after_step(optimizer)
        o.steps.own_time += time.perf_counter() - begun
        o.tick()
