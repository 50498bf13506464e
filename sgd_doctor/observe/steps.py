"""Numbers of every optimizer step: gradients, updates, hyperparameters, stale gradients."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.optim import Optimizer

from sgd_doctor.observe.late import LateReads
from sgd_doctor.observe.optimizers import OptimizerState, settings
from sgd_doctor.observe.reuse import Reuse
from sgd_doctor.observe.rows import Rows
from sgd_doctor.observe.tables import SampledTables
from sgd_doctor.observe.tensors import device_norms, foreach_norms, norms_of, total, uniform
from sgd_doctor.recording import OptimizerFacts

ALWAYS = 24
"""The first steps are measured in full: most faults show there."""
EVERY = 10
"""Later, at least every tenth step."""
COLUMNS = (
    "loss",
    "task_loss",
    "accuracy",
    "balanced_error",
    "grad_norm",
    "weight_norm",
    "update_ratio",
    "lr",
    "momentum",
    "weight_decay",
    "decay_ratio",
    "stale",
    "empty_grads",
    "backwards",
    "optimizer",
    "seconds",
)
_UNKNOWN = (math.nan,) * len(COLUMNS)


@dataclass
class Step:
    """One optimizer step whose row is being made."""

    number: int
    site: int
    state: OptimizerState
    held: list[Tensor]
    """Parameters with a gradient."""
    row: dict[str, float]
    measured: int
    """Parameters whose change was measured; -1: none was to be."""
    reuse: Reuse


class StepRecorder:
    """Columns by step, and tables by sampled step and parameter."""

    def __init__(self, overhead: float) -> None:
        self.overhead, self.every = overhead, EVERY
        self.rows = Rows(len(COLUMNS))
        """One value for each of :data:`COLUMNS`, step after step."""
        self.tables = SampledTables()
        self.optimizers: dict[int, OptimizerState] = {}
        self.names: dict[int, str] = {}
        self.own_time = 0.0
        """Seconds spent in watching."""
        self.started = time.perf_counter()
        self.held: list[Tensor] = []
        """Parameters of the current step that have a gradient."""
        self.norms: list[float] = []
        """Norms of these gradients,"""
        self.unread: list[Tensor] = []
        """or these on their device, where they are read later."""
        self.grad_norm = 0.0
        self.count = 0
        self.broken = 0
        """The latest steps in a row whose loss and gradients were not finite."""
        self.site = -1
        """Line of the current step."""
        self.late: LateReads | None = None
        """Reads losses and norms when they have been computed; None: they are read at once."""
        self.losses: deque[float] = deque()
        """Losses that were read late, for rows that wait for them."""
        self.last_loss = math.nan
        self.on_late: Callable[[Step, list[float]], None] = lambda *_: None
        """Told a step and the norms of its gradients when these are read late."""

    def adopt(self, optimizer: Optimizer, site: int) -> OptimizerState:
        """The state of ``optimizer``, made on first sight."""
        state = self.optimizers.get(id(optimizer))
        if state is None or state.reference() is not optimizer:
            state = OptimizerState(optimizer, len(self.optimizers), site, self.count)
            self.optimizers[id(optimizer)] = state
        return state

    def facts(self) -> tuple[OptimizerFacts, ...]:
        """The optimizers in the order in which they were met."""
        return tuple(s.facts(self.names) for s in sorted(self.optimizers.values(), key=lambda s: s.number))

    def before_backward(self) -> None:
        """New gradients are about to be added to what there is."""
        for state in self.optimizers.values():
            if self.late is not None and state.reuse.untouched(state.parameters):
                self.late.settle()  # they seem to be used ones: the norms that they had decide
            state.reuse.before_backward(state.parameters)

    def rich(self) -> bool:
        """Whether this step is measured by parameter."""
        if self.count < ALWAYS or self.count % self.every == 0:
            return True
        return self.own_time < self.overhead * (time.perf_counter() - self.started - self.own_time)

    def before_step(self, optimizer: Optimizer, state: OptimizerState) -> None:
        """Measure the gradients that ``optimizer`` is about to use."""
        state.refresh(optimizer)
        every = state.parameters
        found = [p.grad for p in every]
        grads = [g for g in found if g is not None]
        complete = len(grads) == len(every)
        self.held = every if complete else [p for p, g in zip(every, found, strict=True) if g is not None]
        alike = state.is_uniform(grads)
        if self.late is not None and alike and not state.reuse.flagged():
            self.unread, self.norms = device_norms(grads), []
        else:
            self.unread, self.norms = [], norms_of(grads, alike)
        self.grad_norm = total(self.norms)
        if self.rich():
            with torch.no_grad():
                views = state.look()
                state.before = list(torch._foreach_add(views, 0.0)) if views else []

    def after_step(self, optimizer: Optimizer, state: OptimizerState, row: dict[str, float]) -> None:
        """Finish the row of this step; ``row`` brings the loss and what else the observer knows."""
        row["stale"] = 0.0 if self.unread else state.reuse.share(state.parameters, self.held, self.norms)
        row["optimizer"] = float(state.number)
        row["seconds"] = time.perf_counter() - self.started
        if optimizer.param_groups:
            row |= settings(optimizer.param_groups[0])
        changes: list[Tensor] = self._changes(state) if state.before is not None else []
        measured = -1 if state.before is None else len(changes) // 2
        state.before = None
        step = Step(self.count, self.site, state, self.held, row, measured, state.reuse)
        if self.unread and self.late is not None:
            apart = bool(changes) and not uniform([*changes, *self.unread])
            more: list[float] = foreach_norms(changes) if apart else []
            later = [] if apart or not changes else device_norms(changes)
            self.late.read([*self.unread, *later], partial(self._arrived, step, more))
            state.reuse.step_over_unread(state.parameters, step.number)
        else:
            self.settle()
            self._finish(step, self.norms, foreach_norms(changes) if changes else [])
            state.reuse.step_over(state.parameters, self.held, self.norms)
        self.count += 1
        state.steps += 1

    def _changes(self, state: OptimizerState) -> list[Tensor]:
        """Differences of the sampled elements, then the elements before the step."""
        with torch.no_grad():
            views, before = state.look(), state.before or []
            return [*torch._foreach_sub(views, before), *before] if views else []

    def _arrived(self, step: Step, more: list[float], values: list[float]) -> None:
        """What a late step was waiting for: norms of gradients, and of changes where they are not in ``more``."""
        norms, changes = values[: len(step.held)], values[len(step.held) :] or more
        step.reuse.norms_of_step(step.state.parameters, step.held, norms, step.number)
        self.on_late(step, norms)
        self._finish(step, norms, changes)

    def _finish(self, step: Step, norms: list[float], changes: list[float]) -> None:
        row = step.row
        if self.late is not None:
            losses = [self.losses.popleft() for _ in range(int(row["backwards"]))]
            self.last_loss = sum(losses) / len(losses) if losses else self.last_loss
            row["loss"] = self.last_loss
        row["grad_norm"] = whole = self.grad_norm if norms is self.norms else total(norms)
        row["empty_grads"] = float(not step.held or whole == 0.0)
        self.broken = self.broken + 1 if whole - whole != 0 and row["loss"] - row["loss"] != 0 else 0
        if step.measured >= 0:
            self._update(step, norms, changes[: step.measured], changes[step.measured :])
        self.rows.append(map(row.get, COLUMNS, _UNKNOWN))

    def _update(self, step: Step, norms: list[float], change: list[float], weight: list[float]) -> None:
        """Ratio of update to weight norm, from the sampled elements."""
        state, row = step.state, step.row
        moved = total([c * s for c, s in zip(change, state.scale, strict=True)])
        norm = total([w * s for w, s in zip(weight, state.scale, strict=True)])
        row["weight_norm"], row["update_ratio"] = norm, moved / norm if norm > 0 else math.nan
        decay = row.get("weight_decay", math.nan)
        if decay and decay == decay:
            decoupled = "AdamW" in state.kind or state.kind in ("Adamax", "NAdamW")
            row["decay_ratio"] = (
                decay * row["lr"] * norm / moved
                if decoupled and moved > 0
                else decay * norm / max(row["grad_norm"], 1e-30)
            )
        ratios = [c / w if w > 0 else math.nan for c, w in zip(change, weight, strict=True)]
        held = [self.names.get(id(p), f"parameter {i}") for i, p in enumerate(step.held)]
        self.tables.add(step.number, held, norms, state.labels(self.names), ratios)

    def append(self, row: dict[str, float]) -> None:
        """Add a row that is finished; what it does not have is NaN."""
        self.settle()
        row.setdefault("seconds", time.perf_counter() - self.started)
        self.rows.append(map(row.get, COLUMNS, _UNKNOWN))
        self.count += 1

    def settle(self) -> None:
        """Wait for numbers that are still on their way."""
        if self.late is not None:
            self.late.settle()
